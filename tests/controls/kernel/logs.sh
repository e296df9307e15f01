sysctl -qw kernel.dmesg_restrict="0" || echo "0" >/proc/sys/kernel/dmesg_restrict
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.dmesg_restrict = 0" >/etc/sysctl.d/90-kernel_logs.conf
