echo "HostbasedAuthentication yes" >>/etc/ssh/sshd_config
