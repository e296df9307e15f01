echo "IgnoreUserKnownHosts no" >>/etc/ssh/sshd_config
