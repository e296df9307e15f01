echo "deny = 30" >>/etc/security/faillock.conf
