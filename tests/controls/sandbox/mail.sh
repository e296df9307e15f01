[ -e /lib/systemd/system/exim4.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/exim4.service
rm -rf /etc/systemd/system/exim4.service.d
systemctl daemon-reload
