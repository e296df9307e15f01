rm -f /etc/rsyslog.d/*forward*
