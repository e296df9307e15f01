o=/run/whole/opt; mkdir -p /opt $o/upper $o/work
mount -t overlay whole -o lowerdir=/opt,upperdir=$o/upper,workdir=$o/work /opt
