# Survives a reboot: whatever was not confirmed is taken back before anybody can be kept out. Each system
# has its own way of starting something early; where there is none, at least something late.
hook() {
  cat >"$base/guard/.boot" <<'BOOT'
for g in /var/lib/palisade/guard/*/armed /var/lib/palisade/guard/*/reverting; do
  [ ! -e "$g" ] || sh "${g%/*}/revert.sh" boot
done
BOOT
  mv -f "$base/guard/.boot" "$base/guard/boot.sh" || return
  if [ -d /run/systemd/system ]; then
    unit=/etc/systemd/system/palisade-guard-boot.service
    mkdir -p /etc/systemd/system/sysinit.target.wants
    # Services come after sysinit.target by themselves. A name that no unit has yet must not stand here: where
    # one gets it later (`Alias=sshd.service`), systemd may take the running service for an inactive one.
    first=
    [ ! -e /lib/systemd/system/nftables.service ] && [ ! -e /usr/lib/systemd/system/nftables.service ] ||
      first=nftables.service
    cat >"$unit.new" <<UNIT
[Unit]
Description=Take back changes that may cut access and were not confirmed
DefaultDependencies=no
ConditionPathExistsGlob=|/var/lib/palisade/guard/*/arm[e]d
ConditionPathExistsGlob=|/var/lib/palisade/guard/*/revertin[g]
After=local-fs.target
Before=network-pre.target sysinit.target shutdown.target $first
Wants=network-pre.target

[Service]
Type=oneshot
ExecStart=/bin/sh /var/lib/palisade/guard/boot.sh
UNIT
    mv -f "$unit.new" "$unit" &&
      ln -sf "$unit" /etc/systemd/system/sysinit.target.wants/palisade-guard-boot.service
  elif [ -d /etc/runlevels/boot ]; then
    cat >/etc/init.d/palisade-guard <<'SERVICE'
#!/sbin/openrc-run
description="Take back changes that may cut access and were not confirmed"
depend() {
  need localmount
  before net firewall nftables iptables sshd dropbear
}
start() {
  sh /var/lib/palisade/guard/boot.sh
  return 0
}
SERVICE
    chmod 755 /etc/init.d/palisade-guard &&
      ln -sf /etc/init.d/palisade-guard /etc/runlevels/boot/palisade-guard
  elif [ -x /etc/init.d/rcS ] && ls /etc/init.d/S[0-9][0-9]* >/dev/null 2>&1; then
    printf '#!/bin/sh\n[ "$1" != start ] || sh /var/lib/palisade/guard/boot.sh\n' >/etc/init.d/S00palisade-guard &&
      chmod 755 /etc/init.d/S00palisade-guard
  else
    if [ -d /etc/cron.d ] && { command -v cron || command -v crond; } >/dev/null 2>&1; then
      echo '@reboot root sh /var/lib/palisade/guard/boot.sh' >/etc/cron.d/palisade-guard &&
        chmod 644 /etc/cron.d/palisade-guard
    fi
    if [ ! -e /etc/rc.local ]; then
      printf '#!/bin/sh\n' >/etc/rc.local && chmod 755 /etc/rc.local
    fi
    if [ -x /etc/rc.local ] && [ ! -L /etc/rc.local ]; then
      {
        head -n 1 /etc/rc.local
        echo 'sh /var/lib/palisade/guard/boot.sh # palisade-guard'
        sed -e 1d -e '/# palisade-guard$/d' /etc/rc.local
      } >"$base/guard/.boot" && cat "$base/guard/.boot" >/etc/rc.local && rm -f "$base/guard/.boot"
    fi
  fi
}
