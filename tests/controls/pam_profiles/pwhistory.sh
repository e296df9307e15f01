rm -f /usr/share/pam-configs/pwhistory
DEBIAN_FRONTEND=noninteractive pam-auth-update --package
