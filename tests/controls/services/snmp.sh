unit snmpd
