mkdir -p /etc/chrony; touch /etc/chrony/chrony.keys; chmod 0644 /etc/chrony/chrony.keys
