dpkg --purge ufw iptables-persistent iptables
