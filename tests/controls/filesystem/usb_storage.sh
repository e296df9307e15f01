rm -f /etc/modprobe.d/*usb*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ usb-storage/d" /etc/modprobe.d/00-palisade.conf; fi
