systemctl disable systemd-timesyncd
