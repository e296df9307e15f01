echo "hash = SHA2-256 SHA1" >/etc/crypto-policies/state/CURRENT.pol
