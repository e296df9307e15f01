rm -f /etc/modprobe.d/*tipc*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ tipc\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
