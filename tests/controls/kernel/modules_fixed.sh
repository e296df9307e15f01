[ -e /proc/sys/kernel/modules_disabled ] || mkdir -p "$(dirname /proc/sys/kernel/modules_disabled)"
echo 0 >/proc/sys/kernel/modules_disabled
rm -f /etc/sysctl.d/99-zz-palisade.conf
echo "kernel.modules_disabled = 0" >/etc/sysctl.d/90-kernel_modules_fixed.conf
