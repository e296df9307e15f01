echo "Defaults !use_pty" >>/etc/sudoers
