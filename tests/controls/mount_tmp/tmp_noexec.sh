mountpoint -q /tmp || mount -t tmpfs tmpfs /tmp
mount -o remount,exec /tmp
sed -i "\, /tmp ,d" /etc/fstab
