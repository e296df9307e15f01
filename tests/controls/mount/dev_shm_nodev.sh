mount -o remount,dev /dev/shm
sed -i "\, /dev/shm ,d" /etc/fstab
