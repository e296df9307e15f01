echo "StrictModes no" >>/etc/ssh/sshd_config
