while mountpoint -q /opt; do umount -l /opt || break; done
