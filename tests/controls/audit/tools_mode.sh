[ -e /sbin/auditctl ] || install -m 755 /bin/true /sbin/auditctl; chmod 777 /sbin/auditctl
