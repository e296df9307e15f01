echo "X11Forwarding yes" >>/etc/ssh/sshd_config
