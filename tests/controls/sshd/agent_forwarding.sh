echo "AllowAgentForwarding yes" >>/etc/ssh/sshd_config
