sysctl -qw net.ipv6.conf.all.autoconf="1" || echo "1" >/proc/sys/net/ipv6/conf/all/autoconf
sysctl -qw net.ipv6.conf.default.autoconf="1" || echo "1" >/proc/sys/net/ipv6/conf/default/autoconf
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv6.conf.all.autoconf = 1" "net.ipv6.conf.default.autoconf = 1" >/etc/sysctl.d/90-network_ipv6_autoconf.conf
