mkdir -p /etc/security/pwquality.conf.d; echo "dictcheck = 0" >>/etc/security/pwquality.conf
