mkdir -p /usr/local/lib && printf 'x' >/usr/local/lib/libloose.so; chmod 0666 /usr/local/lib/libloose.so
