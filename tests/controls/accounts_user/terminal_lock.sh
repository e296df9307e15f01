dpkg --purge vlock
