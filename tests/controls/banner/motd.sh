echo 'Debian GNU/Linux \r' >/etc/motd
