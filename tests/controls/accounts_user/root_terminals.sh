echo tty1 >/etc/securetty
