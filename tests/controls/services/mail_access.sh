unit dovecot
