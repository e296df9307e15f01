sysctl -qw kernel.ctrl-alt-del="1" || echo "1" >/proc/sys/kernel/ctrl-alt-del
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.ctrl-alt-del = 1" >/etc/sysctl.d/90-kernel_ctrl_alt_del.conf
systemctl unmask ctrl-alt-del.target
