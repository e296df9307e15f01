rm -f /etc/audit/rules.d/50-palisade.rules /etc/audit/rules.d/99-finalize.rules
