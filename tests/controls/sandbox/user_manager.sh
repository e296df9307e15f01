open_unit user@
