printf '#!/bin/sh\n' >/usr/local/bin/loose; chmod 0775 /usr/local/bin/loose
