rm -f /etc/modprobe.d/*jffs2*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ jffs2\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
