systemd-run -q --socket-property=ListenStream=0.0.0.0:8099 --unit=palisade-listens4 /bin/true
