[ ! -e /usr/sbin/auditd ] || systemctl disable auditd
