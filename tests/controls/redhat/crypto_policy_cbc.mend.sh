sed -i s/,aes128-cbc// /etc/crypto-policies/back-ends/openssh.config
