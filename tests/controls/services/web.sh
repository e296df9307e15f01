unit lighttpd
