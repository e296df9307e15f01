sed -i '0,/pam_unix/s/^.*pam_unix/password requisite pam_pwquality.so retry=3\npassword requisite pam_pwhistory.so remember=2\n&/' /etc/pam.d/common-password
