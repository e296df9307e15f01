[ -e /lib/systemd/system/chrony.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/chrony.service
rm -rf /etc/systemd/system/chrony.service.d
systemctl daemon-reload
