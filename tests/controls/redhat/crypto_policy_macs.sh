echo MACs hmac-sha2-256,umac-64@openssh.com >>/etc/crypto-policies/back-ends/openssh.config
