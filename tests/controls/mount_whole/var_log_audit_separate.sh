while mountpoint -q /var/log/audit; do umount -l /var/log/audit || break; done
