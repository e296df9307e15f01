o=/run/whole/usr; mkdir -p /usr $o/upper $o/work
mount -t overlay whole -o lowerdir=/usr,upperdir=$o/upper,workdir=$o/work /usr
