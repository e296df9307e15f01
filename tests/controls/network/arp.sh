sysctl -qw net.ipv4.conf.all.arp_filter="0" || echo "0" >/proc/sys/net/ipv4/conf/all/arp_filter
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.arp_filter = 0" >/etc/sysctl.d/90-network_arp.conf
