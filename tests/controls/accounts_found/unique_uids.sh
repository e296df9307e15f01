useradd -M -u 5800 one
useradd -M -o -u 5800 other
