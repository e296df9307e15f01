mkdir -p /etc/rsyslog.d
printf 'module(load="imtcp")\ninput(type="imtcp" port="514")\n' >/etc/rsyslog.d/99-receiver.conf
