sysctl -qw net.ipv4.conf.all.proxy_arp="1" || echo "1" >/proc/sys/net/ipv4/conf/all/proxy_arp
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.proxy_arp = 1" >/etc/sysctl.d/90-network_relay.conf
