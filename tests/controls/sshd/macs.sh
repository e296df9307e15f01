echo "MACs hmac-sha1,umac-64@openssh.com" >>/etc/ssh/sshd_config
