while mountpoint -q /home; do umount -l /home || break; done
