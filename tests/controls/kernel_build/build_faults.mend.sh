printf '%s\n' CONFIG_BUG=y CONFIG_PANIC_ON_OOPS=y >>/boot/config-$(uname -r)
