sed -i "/^pool/d;/^server/d" /etc/chrony/chrony.conf
