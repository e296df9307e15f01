chgrp daemon /etc/ssh/ssh_host_*_key
