unit dnsmasq
