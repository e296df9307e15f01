# Read by every login shell.
umask 027
HISTTIMEFORMAT='%F %T '
export HISTTIMEFORMAT
