mkdir -p /var/log/journal; chmod 0755 /var/log/journal
rm -f /etc/tmpfiles.d/zz-palisade-journal.conf
