echo 'games:palisade-Test-1' | chpasswd
