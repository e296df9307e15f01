rm -f /etc/systemd/journald.conf.d/90-palisade.conf
