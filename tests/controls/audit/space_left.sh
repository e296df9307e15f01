[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^space_left *=/d' /etc/audit/auditd.conf; echo 'space_left = 75' >>/etc/audit/auditd.conf
