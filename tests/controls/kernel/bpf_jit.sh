# Only the namespace of the machine has it.
[ -e /proc/sys/net/core/bpf_jit_harden ] || mount -t tmpfs tmpfs /proc/sys/net/core
[ -e /proc/sys/net/core/bpf_jit_harden ] || mkdir -p "$(dirname /proc/sys/net/core/bpf_jit_harden)"
echo 0 >/proc/sys/net/core/bpf_jit_harden
rm -f /etc/sysctl.d/99-zz-palisade.conf
echo "net.core.bpf_jit_harden = 0" >/etc/sysctl.d/90-kernel_bpf_jit.conf
