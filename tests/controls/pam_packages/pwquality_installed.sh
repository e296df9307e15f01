dpkg --purge libpam-pwquality
