mkdir -p /etc/gdm3
printf '[daemon]\nAutomaticLoginEnable=true\n' >/etc/gdm3/daemon.conf
