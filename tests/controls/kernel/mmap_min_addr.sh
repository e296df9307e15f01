sysctl -qw vm.mmap_min_addr="4096" || echo "4096" >/proc/sys/vm/mmap_min_addr
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "vm.mmap_min_addr = 4096" >/etc/sysctl.d/90-kernel_mmap_min_addr.conf
