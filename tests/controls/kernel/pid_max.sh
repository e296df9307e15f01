sysctl -qw kernel.pid_max="1048576" || echo "1048576" >/proc/sys/kernel/pid_max
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.pid_max = 1048576" >/etc/sysctl.d/90-kernel_pid_max.conf
