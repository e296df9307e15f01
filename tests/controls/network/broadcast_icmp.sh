sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts="0" || echo "0" >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.icmp_echo_ignore_broadcasts = 0" >/etc/sysctl.d/90-network_broadcast_icmp.conf
