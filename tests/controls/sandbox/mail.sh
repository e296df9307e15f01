open_unit exim4
