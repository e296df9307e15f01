mkdir -p /boot && touch /boot/System.map-test && chmod 0644 /boot/System.map-test
