sed -i "/pam_wheel/d" /etc/pam.d/su
