touch /etc/motd; chmod 0666 /etc/motd
