dpkg --purge needrestart
