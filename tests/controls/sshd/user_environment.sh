echo "PermitUserEnvironment yes" >>/etc/ssh/sshd_config
