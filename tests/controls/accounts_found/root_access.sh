passwd -d root
