systemctl unmask rc-local.service
