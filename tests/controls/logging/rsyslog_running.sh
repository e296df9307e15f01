systemctl disable --now rsyslog 2>/dev/null || :
