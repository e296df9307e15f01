echo "Ciphers aes256-gcm@openssh.com,aes128-cbc,3des-cbc" >>/etc/ssh/sshd_config
