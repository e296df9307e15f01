ip6tables -A INPUT -p tcp --dport 8096 -j DROP
