echo SELINUXTYPE=minimum >>/etc/selinux/config
