sed -i "/even_deny_root/d" /etc/security/faillock.conf
