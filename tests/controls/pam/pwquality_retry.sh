mkdir -p /etc/security/pwquality.conf.d; echo "retry = 10" >>/etc/security/pwquality.conf
