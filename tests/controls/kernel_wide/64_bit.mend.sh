echo x86_64 >/proc/sys/kernel/arch
