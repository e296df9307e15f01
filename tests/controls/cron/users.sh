rm -f /etc/cron.allow
