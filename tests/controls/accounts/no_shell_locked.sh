echo 'news:palisade-Test-1' | chpasswd
