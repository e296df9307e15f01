sysctl -qw kernel.oops_limit="10000" || echo "10000" >/proc/sys/kernel/oops_limit
sysctl -qw kernel.warn_limit="0" || echo "0" >/proc/sys/kernel/warn_limit
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.oops_limit = 10000" "kernel.warn_limit = 0" >/etc/sysctl.d/90-kernel_oops_limit.conf
