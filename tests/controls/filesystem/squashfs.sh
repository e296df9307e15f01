rm -f /etc/modprobe.d/*squashfs*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ squashfs\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
