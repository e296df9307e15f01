[ ! -e /etc/rsyslog.conf ] || sed -i 's/^\$FileCreateMode.*/$FileCreateMode 0644/' /etc/rsyslog.conf
