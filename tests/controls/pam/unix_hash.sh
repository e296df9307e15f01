sed -i "/pam_unix/s/yescrypt/md5/" /etc/pam.d/common-password
