open_unit cron
