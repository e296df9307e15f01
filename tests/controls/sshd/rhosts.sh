echo "IgnoreRhosts no" >>/etc/ssh/sshd_config
