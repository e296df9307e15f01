chmod 0777 /var/log
