echo "unlock_time = 10" >>/etc/security/faillock.conf
