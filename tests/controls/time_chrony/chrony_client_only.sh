printf "port 123\ncmdport 323\n" >>/etc/chrony/chrony.conf
