command -v ip6tables >/dev/null && ip6tables -F INPUT
