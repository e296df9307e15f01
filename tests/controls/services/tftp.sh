unit tftpd-hpa
