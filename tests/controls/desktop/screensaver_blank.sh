command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/local.d
printf '%s\n' "[org/gnome/desktop/screensaver]" "picture-uri='file:///usr/share/lake.png'" >>/etc/dconf/db/local.d/50-screensaver-blank
