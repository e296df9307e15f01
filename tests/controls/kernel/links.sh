sysctl -qw fs.protected_symlinks="0" || echo "0" >/proc/sys/fs/protected_symlinks
sysctl -qw fs.protected_fifos="0" || echo "0" >/proc/sys/fs/protected_fifos
rm -f /etc/sysctl.d/99-zz-palisade.conf
printf "%s\n" "fs.protected_symlinks = 0" "fs.protected_fifos = 0" >/etc/sysctl.d/90-kernel_links.conf
