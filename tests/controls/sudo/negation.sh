echo 'daemon ALL=(ALL) ALL, !/bin/su' >/etc/sudoers.d/50-negated
chmod 440 /etc/sudoers.d/50-negated
