sysctl -qw net.ipv4.conf.all.rp_filter="0" || echo "0" >/proc/sys/net/ipv4/conf/all/rp_filter
sysctl -qw net.ipv4.conf.default.rp_filter="0" || echo "0" >/proc/sys/net/ipv4/conf/default/rp_filter
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.rp_filter = 0" "net.ipv4.conf.default.rp_filter = 0" >/etc/sysctl.d/90-network_reverse_path.conf
