package nfs-common
