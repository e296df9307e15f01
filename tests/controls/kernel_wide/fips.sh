mkdir -p /proc/sys/crypto
echo 0 >/proc/sys/crypto/fips_enabled
