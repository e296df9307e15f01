sed -i '/^ *PubkeyAuthentication/d' /etc/ssh/sshd_config
