mkdir -p /etc/grub.d
printf 'CLASS="--class gnu-linux --class gnu --class os"\n' >/etc/grub.d/10_linux
[ -e /usr/sbin/update-grub ] || { printf '#!/bin/sh\n' >/usr/sbin/update-grub; chmod 0755 /usr/sbin/update-grub; }
