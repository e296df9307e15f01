[ -e /sbin/auditctl ] || install -m 755 /bin/true /sbin/auditctl; chown nobody /sbin/auditctl
