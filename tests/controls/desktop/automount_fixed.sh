command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/local.d
printf '%s\n' '[org/gnome/desktop/media-handling]' 'automount=false' 'automount-open=false' >>/etc/dconf/db/local.d/50-automount-fixed
