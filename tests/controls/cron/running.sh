systemctl disable --now cron
