unit nfs-server
