sed -i 's/^daily/weekly/' /etc/logrotate.conf 2>/dev/null || true
[ -e /etc/logrotate.conf ] || printf 'weekly\nrotate 4\n' >/etc/logrotate.conf
