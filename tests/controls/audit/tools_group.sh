[ -e /sbin/auditctl ] || printf "#!/bin/sh\n" >/sbin/auditctl; chmod 755 /sbin/auditctl; chgrp nogroup /sbin/auditctl
