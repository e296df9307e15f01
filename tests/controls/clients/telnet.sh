package telnet
