sed -i '/^PASS_MIN_LEN/d' /etc/login.defs; echo 'PASS_MIN_LEN 5' >>/etc/login.defs
