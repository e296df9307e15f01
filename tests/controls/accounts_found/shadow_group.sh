usermod -aG shadow games
