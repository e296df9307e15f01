d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: tftp\nVersion: 99\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/tftp.deb
dpkg -i /tmp/tftp.deb
rm -r $d /tmp/tftp.deb
