echo "X11UseLocalhost no" >>/etc/ssh/sshd_config
