mkdir -p /var/log/audit; : >/var/log/audit/audit.log; chmod 644 /var/log/audit/audit.log
