dpkg --purge rsyslog-gnutls
