rm /usr/local/bin/palisade-setid
