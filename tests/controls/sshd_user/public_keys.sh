echo "PubkeyAuthentication no" >>/etc/ssh/sshd_config
