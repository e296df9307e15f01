chmod 755 /etc/sudoers.d
