echo GRUB2_PASSWORD= >/boot/grub2/user.cfg
