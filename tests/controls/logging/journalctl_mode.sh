chmod 0755 /usr/bin/journalctl
