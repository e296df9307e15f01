printf 'sssd\nwith-faillock\nwith-pwhistory\nwithout-nullok\n' >/etc/authselect/authselect.conf
