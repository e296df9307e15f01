# systemd does not start it in namespaces.
mkdir -p /etc/systemd/system/systemd-timesyncd.service.d
printf '%s\n' '[Unit]' ConditionVirtualization= ConditionCapability= '[Service]' Type=exec ExecStart= 'ExecStart=/bin/sleep infinity' \
    WatchdogSec= User= >/etc/systemd/system/systemd-timesyncd.service.d/lab.conf
systemctl daemon-reload
systemctl disable --now systemd-timesyncd.service
apt-get install -y -qq --no-install-recommends systemd-timesyncd
systemctl disable --now systemd-timesyncd.service
