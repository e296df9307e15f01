rm -f /etc/profile.d/palisade-umask.sh
