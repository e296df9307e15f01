mkdir -p /etc/postfix; [ -e /etc/postfix/main.cf ] || : >/etc/postfix/main.cf
sed -i '/^smtpd_client_restrictions/d' /etc/postfix/main.cf
