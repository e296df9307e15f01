[ -e /etc/systemd/coredump.conf ] || printf '[Coredump]\n' >/etc/systemd/coredump.conf
rm -rf /etc/systemd/coredump.conf.d
