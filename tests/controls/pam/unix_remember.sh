sed -i "/pam_unix/s/$/ remember=5/" /etc/pam.d/common-password
