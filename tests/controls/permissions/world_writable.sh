mkdir -p /srv/open && chmod 0777 /srv/open && echo x >/srv/open/file && chmod 0666 /srv/open/file
