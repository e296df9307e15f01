touch /etc/shadow-; chmod 0666 /etc/shadow-
