rm -f /etc/profile.d/palisade-tmout.sh
