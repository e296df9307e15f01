rm -f /etc/modprobe.d/00-palisade.conf
