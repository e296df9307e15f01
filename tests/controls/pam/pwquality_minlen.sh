mkdir -p /etc/security/pwquality.conf.d; echo "minlen = 6" >>/etc/security/pwquality.conf
