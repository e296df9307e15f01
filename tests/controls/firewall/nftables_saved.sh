nft add rule inet palisade input tcp dport 9 accept 2>/dev/null || nft delete table inet palisade
