echo "GSSAPIAuthentication yes" >>/etc/ssh/sshd_config
