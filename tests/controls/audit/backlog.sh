mkdir -p /etc/default
printf '%s\n' 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"' 'GRUB_CMDLINE_LINUX=""' >/etc/default/grub
[ -e /usr/sbin/update-grub ] || { printf '#!/bin/sh\n' >/usr/sbin/update-grub; chmod 0755 /usr/sbin/update-grub; }
