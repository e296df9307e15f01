echo "Defaults passwd_timeout=0" >>/etc/sudoers
