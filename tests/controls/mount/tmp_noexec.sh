grep -q " /tmp " /proc/self/mounts || mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs /tmp
mount -o remount,exec /tmp
sed -i "\, /tmp ,d" /etc/fstab
