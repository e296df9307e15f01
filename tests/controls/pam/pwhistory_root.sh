printf 'Name: Old passwords\nDefault: yes\nPriority: 1023\nPassword-Type: Primary\nPassword:\n\trequisite pam_pwhistory.so remember=2 use_authtok\nPassword-Initial:\n\trequisite pam_pwhistory.so remember=2\n' >/usr/share/pam-configs/pwhistory
DEBIAN_FRONTEND=noninteractive pam-auth-update --package
