echo "PermitRootLogin yes" >>/etc/ssh/sshd_config
