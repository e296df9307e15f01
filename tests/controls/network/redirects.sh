sysctl -qw net.ipv4.conf.all.accept_redirects="1" || echo "1" >/proc/sys/net/ipv4/conf/all/accept_redirects
sysctl -qw net.ipv4.conf.default.accept_redirects="1" || echo "1" >/proc/sys/net/ipv4/conf/default/accept_redirects
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.accept_redirects = 1" "net.ipv4.conf.default.accept_redirects = 1" >/etc/sysctl.d/90-network_redirects.conf
