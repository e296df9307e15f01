sysctl -qw net.ipv4.icmp_ignore_bogus_error_responses="0" || echo "0" >/proc/sys/net/ipv4/icmp_ignore_bogus_error_responses
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "net.ipv4.icmp_ignore_bogus_error_responses = 0" >/etc/sysctl.d/90-network_bogus_icmp.conf
