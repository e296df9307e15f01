command -v ip6tables >/dev/null && for chain in INPUT FORWARD OUTPUT; do ip6tables -P $chain ACCEPT; done
