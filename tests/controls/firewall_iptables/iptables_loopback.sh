command -v iptables >/dev/null && iptables -F INPUT
