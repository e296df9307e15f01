sed -i /pam_pwhistory/d /etc/pam.d/common-password
