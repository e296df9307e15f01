[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^disk_full_action *=/d' /etc/audit/auditd.conf; echo 'disk_full_action = IGNORE' >>/etc/audit/auditd.conf
sed -i '/^disk_error_action *=/d' /etc/audit/auditd.conf; echo 'disk_error_action = IGNORE' >>/etc/audit/auditd.conf
