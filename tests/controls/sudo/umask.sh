echo "Defaults umask=0002" >>/etc/sudoers
