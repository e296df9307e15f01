command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/local.d
printf '%s\n' "[org/gnome/settings-daemon/plugins/media-keys]" "logout=['<Control><Alt>Delete']" >>/etc/dconf/db/local.d/50-ctrl-alt-del
