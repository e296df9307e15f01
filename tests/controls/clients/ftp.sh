package ftp
