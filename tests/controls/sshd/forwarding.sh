echo "DisableForwarding no" >>/etc/ssh/sshd_config
