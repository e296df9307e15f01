echo "MaxSessions 100" >>/etc/ssh/sshd_config
