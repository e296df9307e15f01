printf '%s\n' CONFIG_CPU_SW_DOMAIN_PAN=y CONFIG_VMSPLIT_3G=y CONFIG_STRICT_KERNEL_RWX=y >>/boot/config-$(uname -r)
