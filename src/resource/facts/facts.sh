# What facts are made from. One subshell; a block that begins with `#+ GROUP…` is sent if one of its
# groups is wanted, `#+` ends it. Sections are `NAME LENGTH` and a line feed, then that many bytes.
# `@TIMEOUT@`, `@PATH@`, `@LINES@`, `@BYTES@` and `@FILES@` are filled in.

pl_k() { pl_p "$1 ${#2}$pl_nl$2"; }
pl_e= pl_l= pl_c=bugs
pl_y() { for pl_x; do [ ! -e "$pl_x" ] || pl_e=$pl_e$pl_x$pl_nl; done; }
set --
#+ platform
read -r pl_h </proc/sys/kernel/hostname || pl_h=$(hostname)
pl_k hostname "$pl_h"
set -- "$@" /proc/sys/kernel/ostype /proc/sys/kernel/osrelease /proc/sys/kernel/version \
  /etc/hosts /etc/machine-id /var/lib/dbus/machine-id /proc/self/maps
if [ -r /proc/sys/kernel/arch ]; then set -- "$@" /proc/sys/kernel/arch
elif [ -r /proc/sys/kernel/version ]; then pl_k machine "$(uname -m)"
else pl_k uname "$(uname -s; uname -r; uname -v; uname -m)"
fi
#+ user caps hardware virtual
set -- "$@" /proc/self/status
#+ user
pl_k id "$pl_id"
pl_u=${pl_id#uid=} pl_z=; pl_u=${pl_u%%[!0-9]*}
while IFS=: read -r pl_x pl_y pl_o pl_w; do
  [ "$pl_o" != "$pl_u" ] || { pl_z=$pl_x:$pl_y:$pl_o:$pl_w; break; }
done </etc/passwd
[ -n "$pl_z" ] || ! pl_has getent || pl_z=$(timeout -s KILL @TIMEOUT@ getent passwd "$pl_u")
pl_k passwd "$pl_z"
#+ distribution
set -- "$@" /etc/debian_version /etc/redhat-release \
  /etc/centos-release /etc/oracle-release /etc/system-release /etc/SuSE-release /etc/alpine-release \
  /etc/arch-release /etc/gentoo-release /etc/slackware-version /etc/altlinux-release \
  /etc/openwrt_release /etc/nixos-version
pl_y /etc/arch-release /etc/debian_version
#+ distribution lsb
set -- "$@" /etc/lsb-release /etc/os-release /usr/lib/os-release
#+ lsb
pl_y /usr/bin/lsb_release
#+ pkg_mgr
pl_y /usr/bin/apt-get /usr/bin/dnf /usr/bin/dnf5 /usr/bin/dnf-3 /usr/bin/yum /usr/bin/microdnf \
  /usr/bin/rpm /usr/bin/zypper /sbin/apk /usr/bin/apk /usr/bin/pacman /usr/bin/emerge \
  /usr/bin/xbps-install /bin/opkg /usr/sbin/urpmi /usr/bin/swupd /usr/sbin/slackpkg /usr/sbin/pkg \
  /run/ostree-booted /usr/bin/rpm-ostree /usr/bin/nix /usr/bin/installp
#+ service_mgr
set -- "$@" /proc/1/comm
pl_y /run/systemd/system /dev/.run/systemd /dev/.systemd /sbin/openrc /etc/init.d /etc/init \
  /sbin/initctl /usr/sbin/initctl /run/runit /run/s6 /sbin/init
[ ! -L /sbin/init ] || ! cd -P /sbin || [ ! init -ef /lib/systemd/systemd ] || pl_e=${pl_e}systemd-init$pl_nl
cd /
#+ cmdline
set -- "$@" /proc/cmdline
#+ dns
set -- "$@" /etc/resolv.conf
#+ fips
set -- "$@" /proc/sys/crypto/fips_enabled
#+ selinux
set -- "$@" /etc/selinux/config /sys/fs/selinux/enforce /sys/fs/selinux/policyvers
pl_y /sys/fs/selinux/enforce
#+ apparmor
pl_y /sys/kernel/security/apparmor /sys/module/apparmor
#+ loadavg
set -- "$@" /proc/loadavg
#+ ssh_pub_keys
for pl_x in /etc/ssh /etc/openssh /etc; do
  for pl_y in dsa rsa ecdsa ed25519; do
    [ ! -f $pl_x/ssh_host_${pl_y}_key.pub ] || set -- "$@" $pl_x/ssh_host_${pl_y}_key.pub
  done
done
#+ iscsi
[ ! -f /etc/iscsi/initiatorname.iscsi ] || set -- "$@" /etc/iscsi/initiatorname.iscsi
#+ nvme
[ ! -f /etc/nvme/hostnqn ] || set -- "$@" /etc/nvme/hostnqn
#+ fibre_channel_wwn
[ ! -d /sys/class/fc_host ] || set -- "$@" /sys/class/fc_host/*/port_name
#+ python
for pl_x in /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python; do
  [ -x $pl_x ] || continue
  for pl_y in ${pl_x%python3}python3.[0-9] ${pl_x%python3}python3.[0-9][0-9] \
    /usr/bin/python3.[0-9] /usr/bin/python3.[0-9][0-9]; do
    [ ! $pl_x -ef "$pl_y" ] || { pl_k python "$pl_x $pl_y"; break 2; }
  done
  pl_k python "$pl_x"
  break
done
#+ chroot
pl_z=unknown
if [ -e /proc/1/root/. ]; then pl_z=yes; [ ! / -ef /proc/1/root/. ] || pl_z=no; fi
pl_k chroot "$pl_z"
#+ chroot virtual hardware
set -- "$@" /proc/self/mountinfo
#+ hardware virtual
set -- "$@" /proc/cpuinfo
# The flags are the same for every processor: where there are many, one line of them is enough.
pl_c=bugs
if [ -d /sys/devices/system/cpu/cpu16 ]; then
  pl_c='flags|Features|bugs'
  while read -r pl_x pl_y pl_z; do
    case $pl_x in flags|Features) pl_k flags "$pl_z"; break ;; esac
  done </proc/cpuinfo
fi
#+ hardware
# Files are named without looking whether they are there; grep does not mind.
set -- "$@" /proc/meminfo /proc/uptime
for pl_x in /sys/block/*; do
  pl_l="$pl_l $pl_x/removable $pl_x/size $pl_x/queue/rotational $pl_x/queue/scheduler"
  pl_l="$pl_l $pl_x/queue/logical_block_size $pl_x/queue/discard_granularity"
  [ ! -d $pl_x/device ] || pl_l="$pl_l $pl_x/device/vendor $pl_x/device/model $pl_x/device/serial \
    $pl_x/device/sas_address $pl_x/device/sas_device_handle"
  case $pl_x in */dm-*) pl_l="$pl_l $pl_x/dm/name" ;; esac
  for pl_y in $pl_x/${pl_x##*/}*; do
    [ -d $pl_y ] || continue
    pl_l="$pl_l $pl_y/start $pl_y/size"
    for pl_z in $pl_y/holders/*; do [ ! -e $pl_z ] || pl_e=$pl_e$pl_z$pl_nl; done
  done
  for pl_z in $pl_x/holders/*; do [ ! -e $pl_z ] || pl_e=$pl_e$pl_z$pl_nl; done
done
pl_z=
for pl_x in /dev/disk/by-id /dev/disk/by-uuid /dev/disk/by-label; do
  [ ! -d $pl_x ] || pl_z="$pl_z $pl_x"
done
[ -z "$pl_z" ] || pl_k links "$(ls -ln $pl_z /dev/disk/.)"
#+ hardware virtual
set -- "$@" /sys/class/dmi/id/bios_date /sys/class/dmi/id/bios_vendor /sys/class/dmi/id/bios_version \
  /sys/class/dmi/id/board_asset_tag /sys/class/dmi/id/board_name /sys/class/dmi/id/board_serial \
  /sys/class/dmi/id/board_vendor /sys/class/dmi/id/board_version /sys/class/dmi/id/chassis_asset_tag \
  /sys/class/dmi/id/chassis_serial /sys/class/dmi/id/chassis_vendor /sys/class/dmi/id/chassis_version \
  /sys/class/dmi/id/chassis_type /sys/class/dmi/id/product_name /sys/class/dmi/id/product_serial \
  /sys/class/dmi/id/product_uuid /sys/class/dmi/id/product_version /sys/class/dmi/id/product_family \
  /sys/class/dmi/id/sys_vendor
#+ network
set -- "$@" /proc/net/route /proc/net/ipv6_route
pl_z=
for pl_x in /sys/class/net/*; do
  pl_l="$pl_l $pl_x/address $pl_x/mtu $pl_x/operstate $pl_x/type $pl_x/flags $pl_x/speed"
  if [ -d "$pl_x/bridge" ]; then
    pl_l="$pl_l $pl_x/bridge/bridge_id $pl_x/bridge/stp_state"
    pl_y "$pl_x"/brif/*
  elif [ -d "$pl_x/bonding" ]; then
    for pl_y in slaves mode miimon lacp_rate primary all_slaves_active; do
      pl_l="$pl_l $pl_x/bonding/$pl_y"
    done
  elif [ -d "$pl_x/bonding_slave" ]; then pl_l="$pl_l $pl_x/bonding_slave/perm_hwaddr"
  fi
  [ -d "$pl_x/device" ] && cd -P "$pl_x/device" || continue
  # mksh keeps the way it went by in PWD.
  case $PWD in */device) pl_y=$(pwd -P) ;; *) pl_y=$PWD ;; esac
  pl_z="$pl_z${pl_x##*/} pciid ${pl_y##*/}$pl_nl"
  [ -d driver/module ] && cd -P driver/module || continue
  case $PWD in */driver/module) pl_y=$(pwd -P) ;; *) pl_y=$PWD ;; esac
  pl_z="$pl_z${pl_x##*/} module ${pl_y##*/}$pl_nl"
done
cd /
pl_k net "$pl_z"
if pl_has ip; then pl_k ip "$(ip addr show)"
elif pl_has ifconfig; then pl_k ifconfig "$(ifconfig -a)"
else set -- "$@" /proc/net/if_inet6 /proc/net/fib_trie
fi
#+ virtual
set -- "$@" /proc/1/cgroup /run/systemd/container /run/.containerenv /sys/hypervisor/type \
  /proc/xen/capabilities
pl_y /.dockerenv /.dockerinit /run/.containerenv /run/systemd/container /proc/xen /proc/vz /proc/lve \
  /dev/kvm /dev/vboxdrv /sys/module/kvm /sys/module/vboxdrv /proc/bc /dev/virtio-ports/com.redhat.spice.0 \
  /usr/bin/vmware-toolbox-cmd /proc/sys/kernel/osrelease /dev/incus/sock /dev/lxd/sock /etc/rhev-hypervisor \
  /usr/sbin/vdsm /usr/share/vdsm
[ ! -r /proc/1/environ ] || IFS= read -r pl_x </proc/1/environ || :
case ${pl_x-} in *container=*) pl_x=${pl_x#*container=}; pl_k container "${pl_x%%[!a-z-]*}" ;; esac
[ ! -r /proc/self/mountinfo ] || while read -r pl_x pl_x pl_x pl_x pl_y pl_o pl_x; do
  [ "$pl_y" != /proc/sys ] || pl_k parameters "$pl_o ${pl_x#*- }"
done </proc/self/mountinfo
#+ env
if [ -r /proc/$$/environ ]; then pl_k environ "$(tr '\000' '\001' </proc/$$/environ)"
else PATH=$pl_path; pl_k env "$(PATH=$PATH:/usr/bin:/bin; env)"; PATH=/usr/sbin:/usr/bin:/sbin:/bin
fi
#+ date_time
pl_x=$(date '+%s %N %z %Z')
pl_k date "$pl_x"
case $pl_x in
  *UTC|*GMT) ;;
  *) pl_x=${TZ-}; pl_x=${pl_x#:}
    case $pl_x in
      '') pl_y=/etc/localtime ;;
      /*) pl_y=$pl_x ;;
      *) pl_y=/usr/share/zoneinfo/$pl_x ;;
    esac
    if [ -f "$pl_y" ]; then pl_k tz "$(tail -n 1 "$pl_y")"; else pl_k tz "$pl_x"; fi ;;
esac
#+ local
pl_d=@PATH@ pl_i=0
[ ! -d "$pl_d" ] || for pl_x in "$pl_d"/*.fact; do
  [ -f "$pl_x" ] || continue
  pl_i=$((pl_i+1)); [ $pl_i -le @FILES@ ] || break
  pl_w=r
  if [ -x "$pl_x" ]; then
    pl_w=x
    pl_z=$(PATH=$pl_path:/usr/sbin:/usr/bin:/sbin:/bin; cd "$pl_d"
      { timeout -s KILL @TIMEOUT@ "$pl_x" 2>/dev/null; pl_p " $?"; } </dev/null | head -c @BYTES@)
  elif [ -r "$pl_x" ]; then pl_z="$(head -c @BYTES@ "$pl_x"; pl_p ' 0')"
  else pl_z=' 1'
  fi
  pl_x=${pl_x##*/}
  pl_k local "$pl_w $pl_x$pl_nl$pl_z"
done
#+ files
set -f
pl_v=$(grep -Hsv -m @LINES@ -E "^($pl_c|vmx flags|power management|TLB size|cache_alignment|clflush size|fpu|fpu_exception|cpuid level|wp|bogomips|microcode|stepping|cpu MHz|apicid|initial apicid|address sizes|cache size|cpu family|model)[[:space:]]*:" "$@" $pl_l </dev/null)
set +f
pl_k files "$pl_v"
pl_k exists "$pl_e"
#+ platform hardware
pl_g= pl_a= pl_b=
pl_tab='	'
set -f; IFS=$pl_nl
for pl_x in $pl_v; do
  case $pl_x in
    /etc/hosts:\#*) ;;
    /etc/hosts:*) case "$pl_x " in *[" $pl_tab"]"${pl_h-}"[" $pl_tab"]*) pl_g=1 ;; esac ;;
    /proc/self/mountinfo:*' - '*)
      pl_y=${pl_x#*' - '}; pl_t=${pl_y%%' '*}; pl_y=${pl_y#* }; pl_y=${pl_y%%' '*}
      case $pl_t:$pl_y in
        none:*|autofs:*) continue ;;
        *:/*|*:/*:/*) ;;
        *:*:/*) ;;
        *) continue ;;
      esac
      pl_o=${pl_x#/proc/self/mountinfo:}; pl_o=${pl_o#* }; pl_o=${pl_o#* }; pl_o=${pl_o#* }
      pl_o=${pl_o#* }; pl_o=${pl_o%%' '*}
      case $pl_o in *\\*) pl_o=$(printf %b "$pl_o") ;; esac
      case $pl_t:$pl_y in
        nfs*|cifs:*|smb*|fuse*|ceph*|gluster*|afs:*|lustre*|gfs*|ocfs*|9p*|*:*:/*|*://*) pl_b=$pl_b$pl_o$pl_nl ;;
        *) pl_a=$pl_a$pl_o$pl_nl ;;
      esac ;;
  esac
done
#+ hardware
pl_f='%S %s %b %f %a %c %d %n'
[ -z "$pl_b" ] || pl_t="timeout -s KILL @TIMEOUT@"
[ -n "$pl_b" ] || pl_t=
IFS=$pl_nl; set -- $pl_a; IFS=' '
[ $# = 0 ] || pl_k stat "$($pl_t stat -f -c "$pl_f" -- "$@")"
IFS=$pl_nl; set -- $pl_b; IFS=' '
[ $# = 0 ] || pl_k stat "$(for pl_x; do $pl_t stat -f -c "$pl_f" -- "$pl_x" & done; wait)"
#+ platform
set +f; IFS=" 	$pl_nl"
case $pl_g$pl_h in
  1*|*.*|'') ;;
  *) pl_x=
    ! pl_has getent || ! pl_has timeout || pl_x=$(timeout -s KILL @TIMEOUT@ getent ahosts "$pl_h")
    case $pl_x in
      [0-9a-f:]*) pl_x=${pl_x%%[!0-9a-f.:]*}
        pl_k fqdn "$(timeout -s KILL @TIMEOUT@ getent hosts "$pl_x")" ;;
    esac ;;
esac
#+
