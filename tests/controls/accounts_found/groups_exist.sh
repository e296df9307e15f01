useradd -M -N -g users stray
sed -i 's/^\(stray:x:[0-9]*\):[0-9]*:/\1:5555:/' /etc/passwd
