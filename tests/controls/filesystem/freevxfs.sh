rm -f /etc/modprobe.d/*freevxfs*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ freevxfs\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
