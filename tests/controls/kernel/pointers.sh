sysctl -qw kernel.kptr_restrict="0" || echo "0" >/proc/sys/kernel/kptr_restrict
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.kptr_restrict = 0" >/etc/sysctl.d/90-kernel_pointers.conf
