# What is below /var is mounted behind it, or it would be hidden.
o=/run/whole/var; mkdir -p $o/upper $o/work
mount -t overlay whole -o lowerdir=/var,upperdir=$o/upper,workdir=$o/work /var
for p in /var/log /var/log/audit /var/tmp; do mkdir -p $p; mount -t tmpfs whole $p; done
