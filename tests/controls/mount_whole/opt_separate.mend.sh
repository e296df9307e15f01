mkdir -p /opt
mount --rbind /opt /opt
