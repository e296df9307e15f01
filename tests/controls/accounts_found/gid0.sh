useradd -M -g 0 wheeler
