sed -i 's/^Checksums *=.*/Checksums = H/' /etc/aide/aide.conf
