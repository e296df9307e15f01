sed -i "s/delay=[0-9]*/delay=100/" /etc/pam.d/login
