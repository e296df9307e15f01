mkdir -p /boot
printf '%s\n'  CONFIG_KEXEC=y CONFIG_HIBERNATION=y CONFIG_BINFMT_MISC=y CONFIG_LEGACY_PTYS=y >>/boot/config-$(uname -r)
