echo "Defaults targetpw" >>/etc/sudoers
