touch /usr/bin/gcc-99
chmod 0755 /usr/bin/gcc-99
