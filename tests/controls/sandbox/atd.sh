open_unit atd
