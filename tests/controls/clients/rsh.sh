d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: rsh-client\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/rsh.deb
dpkg -i /tmp/rsh.deb
rm -r $d /tmp/rsh.deb
