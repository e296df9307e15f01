groupadd wheelers
usermod -g wheelers wheeler
