echo "umask 000" >>/root/.bashrc
