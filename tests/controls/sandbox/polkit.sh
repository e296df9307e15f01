open_unit polkit
