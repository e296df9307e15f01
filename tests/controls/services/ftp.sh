unit vsftpd
