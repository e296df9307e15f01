rm -rf /etc/systemd/timesyncd.conf.d
sed -i '/^NTP=/d;/^FallbackNTP=/d' /etc/systemd/timesyncd.conf
