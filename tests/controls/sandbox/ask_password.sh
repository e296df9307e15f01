open_unit systemd-ask-password-wall
