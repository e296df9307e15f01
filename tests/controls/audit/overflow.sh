[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^overflow_action *=/d' /etc/audit/auditd.conf; echo 'overflow_action = ignore' >>/etc/audit/auditd.conf
