open_unit rsyslog
