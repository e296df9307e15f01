package xserver-common
