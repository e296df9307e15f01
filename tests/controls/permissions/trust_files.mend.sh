rm /root/.rhosts
