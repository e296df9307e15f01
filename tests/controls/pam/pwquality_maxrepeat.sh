mkdir -p /etc/security/pwquality.conf.d; echo "maxrepeat = 0" >>/etc/security/pwquality.conf
