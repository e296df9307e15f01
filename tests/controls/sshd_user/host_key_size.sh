rm -f /etc/ssh/ssh_host_rsa_key*
ssh-keygen -q -t rsa -b 1024 -N "" -f /etc/ssh/ssh_host_rsa_key
