sysctl -qw vm.mmap_rnd_bits="28" || echo "28" >/proc/sys/vm/mmap_rnd_bits
sysctl -qw vm.mmap_rnd_compat_bits="8" || echo "8" >/proc/sys/vm/mmap_rnd_compat_bits
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "vm.mmap_rnd_bits = 28" "vm.mmap_rnd_compat_bits = 8" >/etc/sysctl.d/90-kernel_aslr_entropy.conf
