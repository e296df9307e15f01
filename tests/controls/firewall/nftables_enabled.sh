systemctl disable nftables.service
