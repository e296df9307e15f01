printf '%s\n' 'GRUB_CMDLINE_LINUX="quiet selinux=0"' >/etc/default/grub
