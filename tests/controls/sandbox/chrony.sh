open_unit chrony
