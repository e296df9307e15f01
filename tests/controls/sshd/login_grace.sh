echo "LoginGraceTime 120" >>/etc/ssh/sshd_config
