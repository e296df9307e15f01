[ -e /lib/systemd/system/rsyslog.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/rsyslog.service
systemctl daemon-reload
mkdir -p /etc/rsyslog.d
printf '$FileCreateMode 0644\n' >/etc/rsyslog.d/99-mode.conf
