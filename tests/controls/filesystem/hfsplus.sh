rm -f /etc/modprobe.d/*hfsplus*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ hfsplus\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
