package telnetd
