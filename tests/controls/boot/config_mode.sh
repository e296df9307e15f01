mkdir -p /boot/grub && touch /boot/grub/grub.cfg && chmod 0644 /boot/grub/grub.cfg
