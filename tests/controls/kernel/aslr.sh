sysctl -qw kernel.randomize_va_space="0" || echo "0" >/proc/sys/kernel/randomize_va_space
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.randomize_va_space = 0" >/etc/sysctl.d/90-kernel_aslr.conf
