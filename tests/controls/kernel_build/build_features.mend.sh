sed -i '/^CONFIG_KEXEC=/d;/^CONFIG_HIBERNATION=/d;/^CONFIG_BINFMT_MISC=/d;/^CONFIG_LEGACY_PTYS=/d' /boot/config-$(uname -r)
