echo "Defaults !env_reset" >>/etc/sudoers
