dpkg --purge apparmor-utils apparmor
