unit autofs
