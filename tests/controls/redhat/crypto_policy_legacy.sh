echo LEGACY >/etc/crypto-policies/state/current
