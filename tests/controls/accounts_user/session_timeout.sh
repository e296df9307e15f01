mkdir -p /etc/systemd/logind.conf.d
printf '[Login]\nStopIdleSessionSec=infinity\n' >/etc/systemd/logind.conf.d/50-wrong.conf
