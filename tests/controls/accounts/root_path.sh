chmod 777 /usr/local/bin
