mkdir -p /var/log
mount --rbind /var/log /var/log
