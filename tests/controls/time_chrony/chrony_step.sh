sed -i "/^makestep/d" /etc/chrony/chrony.conf
