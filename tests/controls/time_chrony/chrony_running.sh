apt-get install -y -qq --no-install-recommends chrony
# The clock is the machine's.
mkdir -p /etc/systemd/system/chrony.service.d
printf '%s\n' '[Unit]' ConditionCapability= '[Service]' Type=exec PIDFile= ExecStart= 'ExecStart=/bin/sleep infinity' >/etc/systemd/system/chrony.service.d/lab.conf
systemctl daemon-reload
systemctl disable --now chrony.service
