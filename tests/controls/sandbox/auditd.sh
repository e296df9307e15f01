open_unit auditd
