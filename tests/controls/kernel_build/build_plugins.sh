mkdir -p /boot
printf '%s\n' '# CONFIG_GCC_PLUGIN_LATENT_ENTROPY is not set' >>/boot/config-$(uname -r)
