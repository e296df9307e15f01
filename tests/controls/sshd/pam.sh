echo "UsePAM no" >>/etc/ssh/sshd_config
