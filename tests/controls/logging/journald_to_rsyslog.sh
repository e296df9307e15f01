mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nForwardToSyslog=no\n' >/etc/systemd/journald.conf.d/50-to_rsyslog.conf
