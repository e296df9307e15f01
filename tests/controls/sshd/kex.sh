echo "KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1" >>/etc/ssh/sshd_config
