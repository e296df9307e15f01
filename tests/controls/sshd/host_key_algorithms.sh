echo "HostKeyAlgorithms ssh-rsa,ecdsa-sha2-nistp256" >>/etc/ssh/sshd_config
