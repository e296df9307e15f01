while mountpoint -q /var/tmp; do umount -l /var/tmp || break; done
