echo "Banner none" >>/etc/ssh/sshd_config
