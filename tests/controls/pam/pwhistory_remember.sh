sed -i "s/remember=24/remember=2/" /etc/pam.d/common-password
