rm -f /etc/modprobe.d/*bluetooth*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ bluetooth/d" /etc/modprobe.d/00-palisade.conf; fi
