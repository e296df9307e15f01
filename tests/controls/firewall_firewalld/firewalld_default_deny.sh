mkdir -p /etc/firewalld/zones
printf '<zone target="ACCEPT">\n</zone>\n' >/etc/firewalld/zones/public.xml
