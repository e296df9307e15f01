command -v iptables >/dev/null && for chain in INPUT FORWARD OUTPUT; do iptables -P $chain ACCEPT; done
