mkdir -p /var/log
mountpoint -q /var/log || mount --rbind /var/log /var/log
mount -o remount,bind,dev,suid,exec /var/log
