sed -i 's/(complain)/(enforce)/;s/(unconfined)/(enforce)/' /sys/kernel/security/apparmor/profiles
