sed -i "s/^PASS_WARN_AGE.*/PASS_WARN_AGE 1/" /etc/login.defs
