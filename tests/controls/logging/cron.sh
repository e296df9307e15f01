mkdir -p /etc/rsyslog.d
[ ! -e /etc/rsyslog.conf ] || sed -i 's/^\(\(cron\|\*\)\..*\)/#\1/' /etc/rsyslog.conf
rm -f /etc/rsyslog.d/60-palisade-cron.conf; : >/etc/rsyslog.d/00-test.conf
