mkdir -p /var/log/audit; : >/var/log/audit/audit.log; chown nobody /var/log/audit/audit.log
