# Such a processor, as far as the kernel says.
echo i686 >/proc/sys/kernel/arch
