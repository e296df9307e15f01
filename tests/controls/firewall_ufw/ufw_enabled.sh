rm -f /etc/ufw/ufw.conf
