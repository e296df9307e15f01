nft delete table inet palisade 2>/dev/null
rm -f /etc/nftables.d/palisade.nft
