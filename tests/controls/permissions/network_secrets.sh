mkdir -p /etc/wireguard && touch /etc/wireguard/wg0.conf && chmod 0644 /etc/wireguard/wg0.conf
