sed -i /^INACTIVE/d /etc/default/useradd
