# The kernel's list, which a lab's host has not.
[ -e /sys/kernel/security/apparmor ] || { mount -t tmpfs tmpfs /sys/kernel && mkdir -p /sys/kernel/security/apparmor; }
printf '%s\n' '/usr/sbin/one (enforce)' '/usr/sbin/two (complain)' '/usr/sbin/three (unconfined)' >/sys/kernel/security/apparmor/profiles
