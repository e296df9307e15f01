mountpoint -q /tmp || mount -t tmpfs tmpfs /tmp
mount -o remount,suid /tmp
sed -i "\, /tmp ,d" /etc/fstab
