echo "LogLevel QUIET" >>/etc/ssh/sshd_config
