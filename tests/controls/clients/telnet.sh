d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: telnet\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/telnet.deb
dpkg -i /tmp/telnet.deb
rm -r $d /tmp/telnet.deb
