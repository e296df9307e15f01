unit isc-dhcp-server
