useradd -M early
echo 'early:palisade-Test-1' | chpasswd
chage -d 40000 early
