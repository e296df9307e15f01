SUDO_FORCE_REMOVE=yes dpkg --purge --force-all sudo
