while mountpoint -q /boot; do umount -l /boot || break; done
