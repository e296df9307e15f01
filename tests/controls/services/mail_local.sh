if [ -e /etc/exim4/update-exim4.conf.conf ]; then
  sed -i "s/^dc_local_interfaces=.*/dc_local_interfaces=''/" /etc/exim4/update-exim4.conf.conf
else
  mkdir -p /etc/postfix
  printf 'inet_interfaces = all\n' >/etc/postfix/main.cf
  printf '[Service]\nExecStart=/bin/sleep infinity\n' >/usr/lib/systemd/system/postfix.service
  systemctl daemon-reload
fi
