[ -e /lib/systemd/system/auditd.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/auditd.service
rm -rf /etc/systemd/system/auditd.service.d
systemctl daemon-reload
