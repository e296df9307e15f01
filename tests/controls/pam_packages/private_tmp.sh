dpkg --purge libpam-tmpdir
