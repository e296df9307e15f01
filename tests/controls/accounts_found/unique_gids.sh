groupadd -g 5600 first
groupadd -o -g 5600 second
