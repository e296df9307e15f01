passwd -l open
