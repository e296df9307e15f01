echo "Defaults !requiretty" >>/etc/sudoers
