while mountpoint -q /usr; do umount -l /usr || break; done
