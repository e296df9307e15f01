echo "AllowStreamLocalForwarding yes" >>/etc/ssh/sshd_config
