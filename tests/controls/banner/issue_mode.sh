chmod 666 /etc/issue
