[ -e /lib/systemd/system/ssh.service ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >/lib/systemd/system/ssh.service
rm -rf /etc/systemd/system/ssh.service.d
systemctl daemon-reload
