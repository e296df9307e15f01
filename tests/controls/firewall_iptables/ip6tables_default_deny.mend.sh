ip6tables -A INPUT -p tcp --dport 22 -j ACCEPT
ip6tables -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
for chain in INPUT FORWARD OUTPUT; do ip6tables -P $chain DROP; done
