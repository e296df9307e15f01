unit gssproxy
