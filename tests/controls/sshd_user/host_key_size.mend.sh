ssh-keygen -q -t rsa -b 4096 -N "" -f /etc/ssh/ssh_host_rsa_key.new
mv /etc/ssh/ssh_host_rsa_key.new /etc/ssh/ssh_host_rsa_key
mv /etc/ssh/ssh_host_rsa_key.new.pub /etc/ssh/ssh_host_rsa_key.pub
systemctl reload ssh
