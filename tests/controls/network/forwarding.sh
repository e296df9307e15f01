sysctl -qw net.ipv4.ip_forward="1" || echo "1" >/proc/sys/net/ipv4/ip_forward
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.ip_forward = 1" >/etc/sysctl.d/90-network_forwarding.conf
