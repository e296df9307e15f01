sysctl -qw kernel.unprivileged_bpf_disabled="0" || echo "0" >/proc/sys/kernel/unprivileged_bpf_disabled
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "kernel.unprivileged_bpf_disabled = 0" >/etc/sysctl.d/90-kernel_bpf.conf
