sysctl -qw kernel.panic_on_oops="0" || echo "0" >/proc/sys/kernel/panic_on_oops
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.panic_on_oops = 0" >/etc/sysctl.d/90-kernel_panic_on_oops.conf
