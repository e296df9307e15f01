# A package of that name, with a unit that starts at boot, is all that counts.
package=$(mktemp -d)
mkdir -p $package/DEBIAN $package/lib/systemd/system
printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >$package/lib/systemd/system/apport.service
printf '%s\n' 'Package: apport' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@example.org>' 'Description: none' >$package/DEBIAN/control
printf '#!/bin/sh\nrm -f /etc/systemd/system/*.wants/apport.service\nsystemctl daemon-reload\n' >$package/DEBIAN/postrm
chmod 0755 $package/DEBIAN/postrm
dpkg-deb -b $package $package.deb
dpkg -i $package.deb
systemctl daemon-reload
systemctl enable apport.service
