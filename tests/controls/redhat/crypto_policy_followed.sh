mkdir -p /etc/sysconfig
echo CRYPTO_POLICY= >/etc/sysconfig/sshd
touch /etc/ipsec.conf
