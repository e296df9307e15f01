unit avahi-daemon
