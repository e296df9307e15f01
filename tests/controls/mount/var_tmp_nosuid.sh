mkdir -p /var/tmp
mountpoint -q /var/tmp || mount --rbind /var/tmp /var/tmp
mount -o remount,bind,dev,suid,exec /var/tmp
