command -v dconf >/dev/null || apt-get install -y -qq --no-install-recommends dconf-cli
mkdir -p /etc/dconf/db/local.d
printf '%s\n' "[org/gnome/login-screen]" "disable-restart-buttons=false" >>/etc/dconf/db/local.d/50-shutdown-hidden
