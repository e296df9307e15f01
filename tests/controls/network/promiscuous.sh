ip link add curious type bridge
ip link set curious promisc on
