d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: rsh-server\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/rsh-server.deb
dpkg -i /tmp/rsh-server.deb
rm -r $d /tmp/rsh-server.deb
