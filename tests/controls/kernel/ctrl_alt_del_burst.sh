rm -rf /etc/systemd/system.conf.d
