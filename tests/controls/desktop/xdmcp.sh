mkdir -p /etc/gdm3
printf '[xdmcp]\nEnable=true\n' >/etc/gdm3/custom.conf
