mkdir -p /etc/dnf
printf 'clean_requirements_on_remove=False\n' >>/etc/dnf/dnf.conf
