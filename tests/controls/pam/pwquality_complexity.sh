mkdir -p /etc/security/pwquality.conf.d; echo "minclass = 1" >>/etc/security/pwquality.conf
