groupadd -o -g 0 zero
