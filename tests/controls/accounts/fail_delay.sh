sed -i "/^FAIL_DELAY/d" /etc/login.defs
