echo "CASignatureAlgorithms +ssh-rsa" >>/etc/ssh/sshd_config
