mkdir -p /var
mountpoint -q /var || mount --rbind /var /var
mount -o remount,bind,dev,suid,exec /var
