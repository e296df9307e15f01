sysctl -qw net.ipv4.tcp_syncookies="0" || echo "0" >/proc/sys/net/ipv4/tcp_syncookies
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.tcp_syncookies = 0" >/etc/sysctl.d/90-network_syncookies.conf
