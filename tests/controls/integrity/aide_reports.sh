[ -e /etc/default/aide ] || : >/etc/default/aide
sed -i '/^SILENTREPORTS/d' /etc/default/aide; echo 'SILENTREPORTS=yes' >>/etc/default/aide
