mkdir -p /etc/security/pwquality.conf.d; echo "maxsequence = 0" >>/etc/security/pwquality.conf
