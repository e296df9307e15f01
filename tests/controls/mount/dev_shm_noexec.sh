mount -o remount,exec /dev/shm
sed -i "\, /dev/shm ,d" /etc/fstab
