dpkg --purge libpam-apparmor
