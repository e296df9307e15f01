mkdir -p /boot
printf '%s\n' '# CONFIG_CPU_SW_DOMAIN_PAN is not set' >>/boot/config-$(uname -r)
