command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/local.d
printf '%s\n' '[org/gnome/desktop/screensaver]' 'lock-enabled=true' >>/etc/dconf/db/local.d/50-gdm-idle-lock-fixed
