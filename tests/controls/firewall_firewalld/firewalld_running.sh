# A package of that name, with a unit, is all that counts.
package=$(mktemp -d)
mkdir -p $package/DEBIAN $package/lib/systemd/system
printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >$package/lib/systemd/system/firewalld.service
printf '%s\n' 'Package: firewalld' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@example.org>' 'Description: none' >$package/DEBIAN/control
printf '#!/bin/sh\nrm -f /etc/systemd/system/*.wants/firewalld.service\nsystemctl daemon-reload\n' >$package/DEBIAN/postrm
chmod 0755 $package/DEBIAN/postrm
dpkg-deb -b $package $package.deb
dpkg -i $package.deb
systemctl daemon-reload
