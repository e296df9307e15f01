package yp-tools
