touch /etc/issue.net; chmod 0666 /etc/issue.net
