sed -i "/^audit/d" /etc/security/faillock.conf
