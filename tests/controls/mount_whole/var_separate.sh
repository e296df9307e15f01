while mountpoint -q /var; do umount -l /var || break; done
