useradd -M plain
sed -i 's,^plain:x:,plain:$6$palisade$0:,' /etc/passwd
