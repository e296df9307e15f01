mkdir -p /etc/authselect
printf 'sssd\n' >/etc/authselect/authselect.conf
