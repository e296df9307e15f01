sysctl -qw net.ipv4.tcp_rfc1337="0" || echo "0" >/proc/sys/net/ipv4/tcp_rfc1337
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.tcp_rfc1337 = 0" >/etc/sysctl.d/90-network_tcp.conf
