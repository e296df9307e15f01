printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/isc-dhcp-server.service
systemctl daemon-reload
systemctl enable isc-dhcp-server.service
