iptables -A INPUT -p tcp --dport 8099 -j DROP
