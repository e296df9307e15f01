echo "PermitEmptyPasswords yes" >>/etc/ssh/sshd_config
