package rsh-server
