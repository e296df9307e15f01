unit squid
