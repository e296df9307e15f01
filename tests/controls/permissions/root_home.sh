chmod 0755 /root
