mkdir -p /usr
mount --rbind /usr /usr
