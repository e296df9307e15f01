mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nForwardToSyslog=yes\n' >/etc/systemd/journald.conf.d/x.conf
