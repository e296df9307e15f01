open_unit getty@
