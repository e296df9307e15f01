d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: sendmail\nVersion: 99\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/sendmail.deb
dpkg -i /tmp/sendmail.deb
rm -r $d /tmp/sendmail.deb
