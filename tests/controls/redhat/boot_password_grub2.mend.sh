echo GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.5A17.0B5E55ED >/boot/grub2/user.cfg
