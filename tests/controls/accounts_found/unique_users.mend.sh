sed -i '/^same:x:5901:/d' /etc/passwd
