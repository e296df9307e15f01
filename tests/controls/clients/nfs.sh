d=$(mktemp -d)
mkdir $d/DEBIAN
printf 'Package: nfs-common\nVersion: 9:9\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' >$d/DEBIAN/control
dpkg-deb -b $d /tmp/nfs-common.deb
dpkg -i /tmp/nfs-common.deb
rm -r $d /tmp/nfs-common.deb
