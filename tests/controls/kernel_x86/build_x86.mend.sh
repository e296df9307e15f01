printf '%s\n' CONFIG_HIGHMEM64G=y CONFIG_X86_PAE=y CONFIG_RANDOMIZE_BASE=y >>/boot/config-$(uname -r)
