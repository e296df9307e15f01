rm -f /etc/modprobe.d/*hfs*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ hfs\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
