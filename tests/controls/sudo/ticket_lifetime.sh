echo "Defaults timestamp_timeout=-1" >>/etc/sudoers
