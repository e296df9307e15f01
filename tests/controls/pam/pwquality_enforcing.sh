mkdir -p /etc/security/pwquality.conf.d; echo "enforcing = 0" >>/etc/security/pwquality.conf
