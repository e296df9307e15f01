sed -i "/enforce_for_root/d" /etc/security/pwquality.conf 2>/dev/null || true
