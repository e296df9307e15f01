d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: ftp\nVersion: 9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/ftp.deb
dpkg -i /tmp/ftp.deb
rm -r $d /tmp/ftp.deb
