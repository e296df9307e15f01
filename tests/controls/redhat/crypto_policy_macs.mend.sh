sed -i s/,umac-64@openssh.com// /etc/crypto-policies/back-ends/openssh.config
