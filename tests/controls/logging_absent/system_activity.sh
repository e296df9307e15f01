dpkg --purge sysstat
