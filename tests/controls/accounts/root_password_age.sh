chage -M 99999 root
