unit ypserv
