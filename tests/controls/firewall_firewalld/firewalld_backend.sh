mkdir -p /etc/firewalld
echo FirewallBackend=iptables >/etc/firewalld/firewalld.conf
