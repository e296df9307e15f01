package rsh-client
