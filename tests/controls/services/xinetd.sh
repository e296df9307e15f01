unit xinetd
