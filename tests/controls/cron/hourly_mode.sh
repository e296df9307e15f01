chmod 0755 /etc/cron.hourly
