mkdir -p /boot
printf '%s\n' '# CONFIG_HIGHMEM64G is not set' >>/boot/config-$(uname -r)
