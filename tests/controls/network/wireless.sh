ip link add wlan0 type bridge
