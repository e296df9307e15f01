o=/run/whole/home; mkdir -p /home $o/upper $o/work
mount -t overlay whole -o lowerdir=/home,upperdir=$o/upper,workdir=$o/work /home
