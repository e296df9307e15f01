# Settings of every login shell.
APP_HOME=/srv/app
PATH=$PATH:/opt/tools
export APP_HOME PATH
