chmod 0755 /boot
