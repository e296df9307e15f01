mkdir -p /etc/audit; : >/etc/audit/auditd.conf; chmod 644 /etc/audit/auditd.conf
