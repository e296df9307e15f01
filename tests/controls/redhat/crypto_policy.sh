echo LEGACY >/etc/crypto-policies/config
