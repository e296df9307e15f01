chmod 0644 /etc/crontab
