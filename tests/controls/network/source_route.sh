sysctl -qw net.ipv4.conf.all.accept_source_route="1" || echo "1" >/proc/sys/net/ipv4/conf/all/accept_source_route
sysctl -qw net.ipv4.conf.default.accept_source_route="1" || echo "1" >/proc/sys/net/ipv4/conf/default/accept_source_route
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.accept_source_route = 1" "net.ipv4.conf.default.accept_source_route = 1" >/etc/sysctl.d/90-network_source_route.conf
