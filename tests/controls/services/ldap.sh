unit slapd
