ip link del wlan0
