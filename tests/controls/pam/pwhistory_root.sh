sed -i "/pwhistory/s/ enforce_for_root//" /etc/pam.d/common-password
