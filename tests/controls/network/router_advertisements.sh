sysctl -qw net.ipv6.conf.all.accept_ra="1" || echo "1" >/proc/sys/net/ipv6/conf/all/accept_ra
sysctl -qw net.ipv6.conf.default.accept_ra="1" || echo "1" >/proc/sys/net/ipv6/conf/default/accept_ra
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv6.conf.all.accept_ra = 1" "net.ipv6.conf.default.accept_ra = 1" >/etc/sysctl.d/90-network_router_advertisements.conf
