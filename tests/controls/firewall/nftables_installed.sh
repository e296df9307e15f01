dpkg --purge nftables
