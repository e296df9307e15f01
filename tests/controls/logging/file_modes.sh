: >/var/log/palisade-test.log
chmod 666 /var/log/palisade-test.log
