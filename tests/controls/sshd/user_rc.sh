echo "PermitUserRC yes" >>/etc/ssh/sshd_config
