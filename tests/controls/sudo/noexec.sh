echo "Defaults !noexec" >>/etc/sudoers
