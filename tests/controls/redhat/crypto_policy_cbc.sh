echo Ciphers aes256-ctr,aes128-cbc >>/etc/crypto-policies/back-ends/openssh.config
