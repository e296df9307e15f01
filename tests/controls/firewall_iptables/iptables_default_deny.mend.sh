iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
for chain in INPUT FORWARD OUTPUT; do iptables -P $chain DROP; done
