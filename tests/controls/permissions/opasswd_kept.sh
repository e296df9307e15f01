rm -f /etc/security/opasswd.old
