aged libpam-modules
