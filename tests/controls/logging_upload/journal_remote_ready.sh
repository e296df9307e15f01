dpkg --purge systemd-journal-remote
