o=/run/whole/srv; mkdir -p /srv $o/upper $o/work
mount -t overlay whole -o lowerdir=/srv,upperdir=$o/upper,workdir=$o/work /srv
