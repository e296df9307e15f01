d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: xserver-common\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/x.deb
dpkg -i /tmp/x.deb
rm -r $d /tmp/x.deb
