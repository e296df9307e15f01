echo "hash = SHA2-256" >/etc/crypto-policies/state/CURRENT.pol
