useradd -m -s /bin/bash homer; chmod 777 /home/homer
