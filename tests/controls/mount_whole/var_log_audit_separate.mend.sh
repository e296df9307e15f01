mkdir -p /var/log/audit
mount --rbind /var/log/audit /var/log/audit
