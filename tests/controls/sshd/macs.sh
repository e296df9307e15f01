echo "MACs hmac-sha2-256-etm@openssh.com,hmac-sha1,umac-64@openssh.com" >>/etc/ssh/sshd_config
