sysctl -qw kernel.io_uring_disabled="0" || echo "0" >/proc/sys/kernel/io_uring_disabled
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.io_uring_disabled = 0" >/etc/sysctl.d/90-kernel_io_uring.conf
