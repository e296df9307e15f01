echo 'Debian \n \l' >/etc/issue.net
