chmod 0777 /etc/sysctl.d
