mkdir -p /etc/systemd/system/rescue.service.d
printf '[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n' >/etc/systemd/system/rescue.service.d/open.conf
