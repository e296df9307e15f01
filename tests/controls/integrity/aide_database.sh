rm -f /var/lib/aide/aide.db*
# The database is made while the task waits: a unit of this name cannot be made a second time.
printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/palisade-aide-init.service
printf 'database_out=file:/var/lib/aide/aide.db\n/etc/hostname sha512\n' >/root/aide.conf
systemctl daemon-reload
