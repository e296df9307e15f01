printf '[Upload]\nURL=http://logs.example.org\n' >/etc/systemd/journal-upload.conf
