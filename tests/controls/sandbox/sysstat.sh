open_unit sysstat
