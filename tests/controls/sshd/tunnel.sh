echo "PermitTunnel yes" >>/etc/ssh/sshd_config
