[ -e /etc/audit/auditd.conf ] || { mkdir -p /etc/audit; : >/etc/audit/auditd.conf; }
sed -i '/^log_format *=/d' /etc/audit/auditd.conf; echo 'log_format = RAW' >>/etc/audit/auditd.conf
