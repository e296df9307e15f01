mkdir -p /boot
printf '%s\n' '# CONFIG_DEBUG_LIST is not set' >>/boot/config-$(uname -r)
