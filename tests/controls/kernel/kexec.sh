[ -e /proc/sys/kernel/kexec_load_disabled ] || mkdir -p "$(dirname /proc/sys/kernel/kexec_load_disabled)"
echo 0 >/proc/sys/kernel/kexec_load_disabled
rm -f /etc/sysctl.d/99-zz-palisade.conf
echo "kernel.kexec_load_disabled = 0" >/etc/sysctl.d/90-kernel_kexec.conf
