dpkg --purge ufw
