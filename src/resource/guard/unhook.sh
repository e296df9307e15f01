# Takes away what runs at boot for a guard.
unhook() {
  rm -f /etc/systemd/system/sysinit.target.wants/palisade-guard-boot.service \
    /etc/systemd/system/palisade-guard-boot.service /etc/runlevels/boot/palisade-guard \
    /etc/init.d/palisade-guard /etc/init.d/S00palisade-guard /etc/cron.d/palisade-guard
  grep -q '# palisade-guard$' /etc/rc.local || return 0
  grep -v '# palisade-guard$' /etc/rc.local >/etc/.rc.local.palisade
  if [ "$(cat /etc/.rc.local.palisade)" = '#!/bin/sh' ]; then rm -f /etc/rc.local
  else cat /etc/.rc.local.palisade >/etc/rc.local
  fi
  rm -f /etc/.rc.local.palisade
} 2>/dev/null
