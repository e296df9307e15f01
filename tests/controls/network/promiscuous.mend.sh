ip link set curious promisc off
