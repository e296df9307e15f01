[ ! -e /etc/default/debsums ] || sed -i 's/^CRON_CHECK=.*/CRON_CHECK=never/' /etc/default/debsums
