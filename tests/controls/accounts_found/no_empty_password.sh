useradd -M open
passwd -d open
