printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/gssproxy.service
systemctl daemon-reload
systemctl enable gssproxy.service
