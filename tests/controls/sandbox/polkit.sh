[ -e /lib/systemd/system/polkit.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/polkit.service
rm -rf /etc/systemd/system/polkit.service.d
systemctl daemon-reload
