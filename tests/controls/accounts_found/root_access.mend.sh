echo 'root:palisade-Test-3' | chpasswd
