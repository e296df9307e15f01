# A host without any of these keys would serve nobody.
echo "HostKeyAlgorithms ssh-rsa,ssh-ed25519" >>/etc/ssh/sshd_config
