rm -f /etc/ssh/ssh_config.d/00-palisade.conf
