dpkg --purge audispd-plugins auditd
