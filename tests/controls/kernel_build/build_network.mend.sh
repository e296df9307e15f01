printf '%s\n' CONFIG_SYN_COOKIES=y >>/boot/config-$(uname -r)
