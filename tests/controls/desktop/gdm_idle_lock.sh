command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/local.d
printf '%s\n' '[org/gnome/desktop/session]' 'idle-delay=uint32 7200' '[org/gnome/desktop/screensaver]' 'lock-delay=uint32 600' 'lock-enabled=false' >>/etc/dconf/db/local.d/50-gdm-idle-lock
