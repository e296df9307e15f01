d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: talkd\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/talkd.deb
dpkg -i /tmp/talkd.deb
rm -r $d /tmp/talkd.deb
