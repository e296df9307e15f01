mount -o remount,suid /dev/shm
sed -i "\, /dev/shm ,d" /etc/fstab
