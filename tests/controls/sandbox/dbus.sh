[ -e /lib/systemd/system/dbus.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/dbus.service
rm -rf /etc/systemd/system/dbus.service.d
systemctl daemon-reload
