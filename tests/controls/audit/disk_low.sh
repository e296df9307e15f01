[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^space_left_action *=/d' /etc/audit/auditd.conf; echo 'space_left_action = IGNORE' >>/etc/audit/auditd.conf
sed -i '/^admin_space_left_action *=/d' /etc/audit/auditd.conf; echo 'admin_space_left_action = IGNORE' >>/etc/audit/auditd.conf
sed -i '/^action_mail_acct *=/d' /etc/audit/auditd.conf; echo 'action_mail_acct = nobody' >>/etc/audit/auditd.conf
