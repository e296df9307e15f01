sysctl -qw kernel.perf_cpu_time_max_percent="25" || echo "25" >/proc/sys/kernel/perf_cpu_time_max_percent
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.perf_cpu_time_max_percent = 25" >/etc/sysctl.d/90-kernel_perf_limits.conf
