d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: prelink\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/prelink.deb
dpkg -i /tmp/prelink.deb
rm -r $d /tmp/prelink.deb
