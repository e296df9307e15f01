mkdir -p /boot
mount --rbind /boot /boot
