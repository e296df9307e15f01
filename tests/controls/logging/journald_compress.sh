mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nCompress=no\n' >/etc/systemd/journald.conf.d/50-compress.conf
