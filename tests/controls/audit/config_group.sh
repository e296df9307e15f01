mkdir -p /etc/audit; : >>/etc/audit/auditd.conf; chgrp nogroup /etc/audit/auditd.conf
