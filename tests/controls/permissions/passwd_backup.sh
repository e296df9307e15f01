touch /etc/passwd-; chmod 0666 /etc/passwd-
