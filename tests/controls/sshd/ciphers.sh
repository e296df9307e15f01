echo "Ciphers aes128-cbc,3des-cbc" >>/etc/ssh/sshd_config
