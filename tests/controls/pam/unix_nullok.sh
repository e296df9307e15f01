sed -i "/pam_unix/s/$/ nullok/" /etc/pam.d/common-auth
