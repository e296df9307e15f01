sed -i "/^SHA_CRYPT_M/d" /etc/login.defs
