sed -i "s/^PASS_MIN_DAYS.*/PASS_MIN_DAYS 0/" /etc/login.defs
