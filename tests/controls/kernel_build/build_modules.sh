mkdir -p /boot
printf '%s\n' '# CONFIG_STRICT_MODULE_RWX is not set' >>/boot/config-$(uname -r)
