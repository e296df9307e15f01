echo "Compression yes" >>/etc/ssh/sshd_config
