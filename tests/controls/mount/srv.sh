mkdir -p /srv
mountpoint -q /srv || mount --rbind /srv /srv
mount -o remount,bind,dev,suid,exec /srv
