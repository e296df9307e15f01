mkdir -p /home
mountpoint -q /home || mount --rbind /home /home
mount -o remount,bind,dev,suid,exec /home
