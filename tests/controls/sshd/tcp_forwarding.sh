echo "AllowTcpForwarding yes" >>/etc/ssh/sshd_config
