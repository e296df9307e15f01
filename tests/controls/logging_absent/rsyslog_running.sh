dpkg --purge rsyslog
