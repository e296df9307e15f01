sysctl -qw vm.unprivileged_userfaultfd="1" || echo "1" >/proc/sys/vm/unprivileged_userfaultfd
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "vm.unprivileged_userfaultfd = 1" >/etc/sysctl.d/90-kernel_userfaultfd.conf
