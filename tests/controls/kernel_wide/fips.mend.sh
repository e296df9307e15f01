echo 1 >/proc/sys/crypto/fips_enabled
