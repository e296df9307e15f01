unit inetutils-syslogd
systemctl start inetutils-syslogd.service
