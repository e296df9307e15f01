d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: yp-tools\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/nis.deb
dpkg -i /tmp/nis.deb
rm -r $d /tmp/nis.deb
