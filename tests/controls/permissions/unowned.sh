touch /opt/palisade-unowned /opt/palisade-ungrouped
chown 54321 /opt/palisade-unowned
chgrp 54321 /opt/palisade-ungrouped
