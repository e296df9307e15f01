d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: ldap-utils\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/ldap.deb
dpkg -i /tmp/ldap.deb
rm -r $d /tmp/ldap.deb
