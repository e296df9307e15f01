systemctl unmask ctrl-alt-del.target; rm -f /etc/systemd/system.conf.d/90-palisade.conf
