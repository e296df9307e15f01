mkdir -p /boot
printf '%s\n' '# CONFIG_RANDOMIZE_BASE is not set' >>/boot/config-$(uname -r)
