[ -e /lib/systemd/system/rsyslog.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/rsyslog.service
rm -rf /etc/systemd/system/rsyslog.service.d
systemctl daemon-reload
