d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: talk\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/talk.deb
dpkg -i /tmp/talk.deb
rm -r $d /tmp/talk.deb
