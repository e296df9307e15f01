echo "RekeyLimit default none" >>/etc/ssh/sshd_config
