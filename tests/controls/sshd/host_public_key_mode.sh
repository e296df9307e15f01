chmod 666 /etc/ssh/ssh_host_*_key.pub
