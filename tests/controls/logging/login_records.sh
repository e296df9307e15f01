chmod 664 /var/log/wtmp
rm -f /etc/tmpfiles.d/palisade-logins.conf
