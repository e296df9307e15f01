rm -f /etc/modprobe.d/*cramfs*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ cramfs\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
