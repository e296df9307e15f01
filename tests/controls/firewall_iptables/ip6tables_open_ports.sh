systemd-run -q --socket-property=ListenStream=[::]:8096 --socket-property=BindIPv6Only=ipv6-only --unit=palisade-listens6 /bin/true
