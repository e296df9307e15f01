sed -i '/^twin:x:5701:/d' /etc/group
