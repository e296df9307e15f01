mkdir -p /etc/rsyslog.d
[ ! -e /etc/rsyslog.conf ] || sed -i 's/^\(auth.*\)/#\1/' /etc/rsyslog.conf
rm -f /etc/rsyslog.d/60-palisade-auth.conf; : >/etc/rsyslog.d/00-test.conf
