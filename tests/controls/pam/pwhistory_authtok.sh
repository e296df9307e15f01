sed -i "/pwhistory/s/ use_authtok//" /etc/pam.d/common-password
