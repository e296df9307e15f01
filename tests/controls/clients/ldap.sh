package ldap-utils
