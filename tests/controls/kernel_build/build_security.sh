mkdir -p /boot
printf '%s\n' '# CONFIG_SECCOMP is not set' CONFIG_SECURITY_WRITABLE_HOOKS=y CONFIG_SECURITY_SELINUX_DISABLE=y >>/boot/config-$(uname -r)
