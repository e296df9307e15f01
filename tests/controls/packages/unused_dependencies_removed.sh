rm -f /etc/apt/apt.conf.d/52palisade-unattended
