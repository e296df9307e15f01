mkdir -p /etc/security/pwquality.conf.d; echo "difok = 0" >>/etc/security/pwquality.conf
