touch /etc/shells; chmod 0666 /etc/shells
