chgrp root /usr/bin/sudo
chmod 4755 /usr/bin/sudo
