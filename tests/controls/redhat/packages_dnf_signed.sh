mkdir -p /etc/dnf /etc/yum.repos.d
printf 'gpgcheck=0\n' >>/etc/dnf/dnf.conf
printf '[wrong]\nbaseurl=http://example.org\ngpgcheck=0\n' >/etc/yum.repos.d/wrong.repo
