echo "KerberosAuthentication yes" >>/etc/ssh/sshd_config
