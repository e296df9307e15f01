mountpoint -q /tmp || mount -t tmpfs tmpfs /tmp
mount -o remount,dev /tmp
sed -i "\, /tmp ,d" /etc/fstab
