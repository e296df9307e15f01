sed -i 's/ACCEPT/DROP/' /etc/firewalld/zones/public.xml
