mkdir -p /opt
mountpoint -q /opt || mount --rbind /opt /opt
mount -o remount,bind,dev /opt
