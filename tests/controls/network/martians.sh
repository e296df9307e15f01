sysctl -qw net.ipv4.conf.all.log_martians="0" || echo "0" >/proc/sys/net/ipv4/conf/all/log_martians
sysctl -qw net.ipv4.conf.default.log_martians="0" || echo "0" >/proc/sys/net/ipv4/conf/default/log_martians
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.conf.all.log_martians = 0" "net.ipv4.conf.default.log_martians = 0" >/etc/sysctl.d/90-network_martians.conf
