umount -l /tmp 2>/dev/null
sed -i "\, /tmp ,d" /etc/fstab
