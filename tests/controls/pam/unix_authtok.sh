sed -i "/pam_unix/s/ use_authtok//" /etc/pam.d/common-password
