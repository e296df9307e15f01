chmod 777 /root
