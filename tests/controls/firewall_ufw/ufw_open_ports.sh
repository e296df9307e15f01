systemd-run -q --socket-property=ListenStream=8099 --unit=palisade-listens /bin/true
