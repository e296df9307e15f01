rm -f /etc/modprobe.d/*udf*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ udf\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
