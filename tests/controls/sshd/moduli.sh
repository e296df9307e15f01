echo "20200101000000 2 6 100 2047 2 F5" >>/etc/ssh/moduli
