mkdir -p /var/log/audit; : >/var/log/audit/audit.log; chgrp nogroup /var/log/audit/audit.log
