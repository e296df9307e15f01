while mountpoint -q /var/log; do umount -l /var/log || break; done
