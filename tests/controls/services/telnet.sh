d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: telnetd\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/telnetd.deb
dpkg -i /tmp/telnetd.deb
rm -r $d /tmp/telnetd.deb
