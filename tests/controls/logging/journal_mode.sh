mkdir -p /var/log/journal; chmod 0755 /var/log/journal
rm -f /etc/tmpfiles.d/palisade-journal.conf
