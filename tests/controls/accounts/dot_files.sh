touch /root/.bashrc; chmod 777 /root/.bashrc
