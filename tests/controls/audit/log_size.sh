[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^max_log_file *=/d' /etc/audit/auditd.conf; echo 'max_log_file = 2' >>/etc/audit/auditd.conf
