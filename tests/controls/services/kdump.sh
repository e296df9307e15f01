unit kdump-tools
