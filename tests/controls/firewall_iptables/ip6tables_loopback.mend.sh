ip6tables -A INPUT -i lo -j ACCEPT
ip6tables -A INPUT -s ::1/128 -j DROP
