echo 'root:palisade-Test-1' | chpasswd
