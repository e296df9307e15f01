echo "MaxStartups 100:30:200" >>/etc/ssh/sshd_config
