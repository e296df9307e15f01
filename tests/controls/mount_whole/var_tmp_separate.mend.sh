mkdir -p /var/tmp
mount --rbind /var/tmp /var/tmp
