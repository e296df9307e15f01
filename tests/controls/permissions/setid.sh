cp /bin/true /usr/local/bin/palisade-setid
chmod 4755 /usr/local/bin/palisade-setid
