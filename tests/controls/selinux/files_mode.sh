mkdir -p /etc/selinux; chmod 0777 /etc/selinux
