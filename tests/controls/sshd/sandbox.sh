open_unit ssh
