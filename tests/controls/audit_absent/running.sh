dpkg --purge audispd-plugins auditd
# A lab's host has no audit of its own in the kernel.
mkdir -p /etc/systemd/system/auditd.service.d
printf '%s\n' '[Unit]' ConditionVirtualization= ConditionKernelCommandLine= '[Service]' Type=exec PIDFile= \
    ExecStartPre= ExecStartPost= ExecStart= 'ExecStart=/bin/sleep infinity' >/etc/systemd/system/auditd.service.d/lab.conf
systemctl daemon-reload
