sed -i '/^FAIL_DELAY/d' /etc/login.defs; echo 'FAIL_DELAY 1' >>/etc/login.defs
