echo "ClientAliveInterval 0" >>/etc/ssh/sshd_config
