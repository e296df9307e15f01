echo 'weak:palisade-Test-2' | chpasswd
