loader nftables
