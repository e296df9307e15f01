[ ! -e /etc/ufw/user.rules ] || ufw --force reset
