[ ! -e /etc/aide/aide.conf ] || sed -i '/auditctl/d' /etc/aide/aide.conf
