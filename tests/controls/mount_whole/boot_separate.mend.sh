o=/run/whole/boot; mkdir -p /boot $o/upper $o/work
mount -t overlay whole -o lowerdir=/boot,upperdir=$o/upper,workdir=$o/work /boot
