systemctl disable ssh.service
