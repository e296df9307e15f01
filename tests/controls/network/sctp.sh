rm -f /etc/modprobe.d/*sctp*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ sctp\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
