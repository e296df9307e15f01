//! Ansible's vault format, read: AES-256-CTR under PBKDF2 keys, HMAC checked first.
