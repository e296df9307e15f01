rm -f /etc/modprobe.d/*rds*
if [ -e /etc/modprobe.d/00-palisade.conf ]; then sed -i "/ rds\( \|$\)/d" /etc/modprobe.d/00-palisade.conf; fi
