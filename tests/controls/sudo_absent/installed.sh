# Where nobody could become root by a password, sudo refuses to be removed.
echo 'root:palisade-Test-1' | chpasswd
dpkg --purge --force-all sudo
