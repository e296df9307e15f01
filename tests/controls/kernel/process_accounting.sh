dpkg --purge acct
# A lab's host has no accounting of its own in the kernel.
mkdir -p /etc/systemd/system/acct.service.d
printf '%s\n' '[Service]' ExecStart= ExecStop= 'ExecStart=/bin/true' >/etc/systemd/system/acct.service.d/lab.conf
systemctl daemon-reload
