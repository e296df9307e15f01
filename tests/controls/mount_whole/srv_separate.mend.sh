mkdir -p /srv
mount --rbind /srv /srv
