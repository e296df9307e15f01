echo DEFAULT:PALISADE >/etc/crypto-policies/state/current
