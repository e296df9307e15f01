echo "fail_interval = 10" >>/etc/security/faillock.conf
