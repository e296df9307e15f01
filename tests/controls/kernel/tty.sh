sysctl -qw dev.tty.ldisc_autoload="1" || echo "1" >/proc/sys/dev/tty/ldisc_autoload
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "dev.tty.ldisc_autoload = 1" >/etc/sysctl.d/90-kernel_tty.conf
