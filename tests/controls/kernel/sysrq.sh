[ -e /proc/sys/kernel/sysrq ] || mkdir -p "$(dirname /proc/sys/kernel/sysrq)"
echo 438 >/proc/sys/kernel/sysrq
rm -f /etc/sysctl.d/99-zz-palisade.conf
echo "kernel.sysrq = 438" >/etc/sysctl.d/90-kernel_sysrq.conf
