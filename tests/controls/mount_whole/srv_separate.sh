while mountpoint -q /srv; do umount -l /srv || break; done
