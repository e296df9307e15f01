groupadd -g 5555 strays
