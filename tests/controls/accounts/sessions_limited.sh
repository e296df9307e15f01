sed -i '/maxlogins/d' /etc/security/limits.conf
