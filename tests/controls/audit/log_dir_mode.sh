mkdir -p /var/log/audit; chmod 755 /var/log/audit
