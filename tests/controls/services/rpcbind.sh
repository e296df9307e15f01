unit rpcbind
