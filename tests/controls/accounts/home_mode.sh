sed -i "/^HOME_MODE/d" /etc/login.defs
