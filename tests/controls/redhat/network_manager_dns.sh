mkdir -p /etc/NetworkManager
printf '[main]\ndns=dnsmasq\n' >/etc/NetworkManager/NetworkManager.conf
