rm -f /etc/modprobe.d/*dccp*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ dccp\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
