chmod 666 /etc/ssh/sshd_config
