sed -i "/^silent/d" /etc/security/faillock.conf
