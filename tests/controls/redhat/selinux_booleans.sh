echo 'selinuxuser_execheap --> on' >/root/switches
printf '#!/bin/sh\ncat /root/switches\n' >/usr/sbin/getsebool
printf '#!/bin/sh\necho "$2 --> $3" >/root/switches\n' >/usr/sbin/setsebool
chmod 0755 /usr/sbin/getsebool /usr/sbin/setsebool
