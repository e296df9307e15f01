unit openntpd
systemctl start openntpd.service
