sed -i '/pam_permit/d' /etc/pam.d/sudo
