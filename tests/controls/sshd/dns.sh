echo "UseDNS yes" >>/etc/ssh/sshd_config
