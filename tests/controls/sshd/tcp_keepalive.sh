echo "TCPKeepAlive yes" >>/etc/ssh/sshd_config
