mkdir -p /var
mount --rbind /var /var
