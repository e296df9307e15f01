ln -sfn /usr/share/zoneinfo/Europe/Berlin /etc/localtime
