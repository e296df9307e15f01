rm -f /etc/systemd/journald.conf.d/90-palisade.conf; sed -i "/^SystemMaxUse/d;/^MaxFileSec/d" /etc/systemd/journald.conf
