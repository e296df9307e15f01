mkdir -p /boot
mountpoint -q /boot || mount --rbind /boot /boot
mount -o remount,bind,dev,suid,exec /boot
