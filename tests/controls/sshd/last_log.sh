echo "PrintLastLog no" >>/etc/ssh/sshd_config
