dpkg --purge unattended-upgrades
rm -f /etc/apt/apt.conf.d/20auto-upgrades
