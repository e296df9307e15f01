command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/gdm.d
printf '%s\n' '[org/gnome/login-screen]' 'banner-message-enable=false' 'banner-message-text=""' >>/etc/dconf/db/gdm.d/50-gdm-banner
