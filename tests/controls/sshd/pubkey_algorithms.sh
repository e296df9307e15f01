echo "PubkeyAcceptedAlgorithms +ssh-rsa" >>/etc/ssh/sshd_config
