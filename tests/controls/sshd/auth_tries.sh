echo "MaxAuthTries 10" >>/etc/ssh/sshd_config
