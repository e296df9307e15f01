echo "GatewayPorts yes" >>/etc/ssh/sshd_config
