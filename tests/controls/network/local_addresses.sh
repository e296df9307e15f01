sysctl -qw net.ipv4.conf.all.route_localnet="1" || echo "1" >/proc/sys/net/ipv4/conf/all/route_localnet
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.route_localnet = 1" >/etc/sysctl.d/90-network_local_addresses.conf
