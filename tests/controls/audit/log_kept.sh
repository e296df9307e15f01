[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^max_log_file_action *=/d' /etc/audit/auditd.conf; echo 'max_log_file_action = ROTATE' >>/etc/audit/auditd.conf
