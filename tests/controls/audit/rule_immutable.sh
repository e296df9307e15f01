rm -f /etc/audit/rules.d/99-finalize.rules
