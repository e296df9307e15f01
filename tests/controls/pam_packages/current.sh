aged libpam-runtime
