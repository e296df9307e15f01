echo 'root:palisade-Test-1' | chpasswd
chage -d "$(date +%F)" -M 99999 root
