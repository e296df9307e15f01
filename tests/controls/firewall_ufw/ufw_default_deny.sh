[ ! -e /etc/default/ufw ] || sed -i 's/_POLICY=.*/_POLICY="ACCEPT"/' /etc/default/ufw
