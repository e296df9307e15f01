ufw deny 8099/tcp
