mkdir -p /etc/security/pwquality.conf.d; echo "maxclassrepeat = 0" >>/etc/security/pwquality.conf
