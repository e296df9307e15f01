mkdir -p /home
mount --rbind /home /home
