[ -e /proc/sys/user/max_user_namespaces ] || mkdir -p "$(dirname /proc/sys/user/max_user_namespaces)"
echo 1000 >/proc/sys/user/max_user_namespaces
rm -f /etc/sysctl.d/99-zz-palisade.conf
echo "user.max_user_namespaces = 1000" >/etc/sysctl.d/90-kernel_user_namespaces.conf
