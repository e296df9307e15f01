# Puts back what a guard kept, unless it was confirmed. Plain sh; no network, no controller.
# The state is a name: armed, then committed, or reverting and reverted.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
cd "${0%/*}" || exit 1
here=$PWD
mv armed reverting 2>/dev/null || [ -e reverting ] || exit 0
# One at a time; what a power cut interrupted is done again.
turn=turn-$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
[ "$turn" != turn- ] || [ "${1-}" != boot ] || rm -rf turn-
mkdir "$turn" 2>/dev/null || { read -r pid <"$turn/pid" && ! kill -0 "$pid"; } 2>/dev/null || exit 0
echo $$ >"$turn/pid"
exec >>revert.log 2>&1
echo "putting back, ${1:-in time}"
systemd=
[ ! -d /run/systemd/system ] || systemd=1
# Before the services of a host are started, their files are all there is to put back.
early=
[ "${1-}" != boot ] || [ -z "$systemd" ] || early=1
same() { # PATH
  if [ -L "files$1" ] || [ -L "$1" ]; then
    [ -L "files$1" ] && [ -L "$1" ] && [ "$(readlink "files$1")" = "$(readlink "$1")" ]
    return
  fi
  [ -f "$1" ] && cmp -s "files$1" "$1" &&
    [ "$(stat -c %a:%u:%g "files$1")" = "$(stat -c %a:%u:%g "$1")" ]
}
# Accounts that came since stay: they keep nobody out, and a package that was installed meanwhile needs its own.
newcomers() {
  for f in /etc/passwd /etc/group /etc/shadow /etc/gshadow; do
    [ -f "files$f" ] && [ -f "$f" ] && [ ! -L "$f" ] || continue
    while IFS= read -r line; do
      case $f:$line in
        /etc/passwd:?*:*:[0-9]*:[0-9]*:*:*:*|/etc/group:?*:*:[0-9]*:*|/etc/*shadow:?*:*:*:*) ;;
        *) continue ;;
      esac
      cut -d: -f1 "files$f" | grep -qxF -e "${line%%:*}" || printf '%s\n' "$line" >>"files$f"
    done <"$f"
  done
}
put_back() {
  newcomers
  while IFS= read -r file; do
    ! same "$file" || continue
    new=${file%/*}/.${file##*/}.palisade.guard
    # A folder that went with the change; what is in most of them is for all to read.
    (umask 022; mkdir -p "${file%/*}")
    if cp -pP -- "files$file" "$new"; then
      sync -- "$new" 2>/dev/null
      mkdir -p "aside${file%/*}" && cp -pP -- "$file" "aside$file" 2>/dev/null
      mv -f -- "$new" "$file" && echo "put back $file"
      sync -- "${file%/*}" 2>/dev/null || sync
    fi
  done <list
  # What came since is set aside: it may be what keeps people out.
  while IFS= read -r path; do
    [ -e "$path" ] || continue
    find "$path" \( -type f -o -type l \) -print 2>/dev/null
  done <paths | sort -u >now
  while IFS= read -r file; do
    ! grep -qxF -e "$file" list || continue
    mkdir -p "aside${file%/*}" && mv -f -- "$file" "aside$file" && echo "set aside $file"
  done <now
}
# Whether a service runs of which systemd has lost sight: it would start a second one, and must not see the
# first one end. Who does not start it asks it to read its files anew.
lost() {
  p=$(systemctl show -p MainPID "$1") p=${p#MainPID=}
  [ "${p:-0}" != 0 ] && kill -0 "$p"
} 2>/dev/null
# What is in effect, as it was.
live() {
  [ -z "$systemd" ] || systemctl daemon-reload
  [ ! -s sysctl ] || while read -r f v; do
    read -r w <"$f" && [ "$v" = "$w" ] || printf '%s\n' "$v" >"$f"
  done <sysctl 2>/dev/null
  if [ -e rules.nft ]; then
    { echo 'flush ruleset'; cat rules.nft; } >rules.load
    for i in 1 2 3; do ! nft -f rules.load || break; sleep 1; done
  fi
  for t in iptables ip6tables; do
    [ ! -e rules.$t ] || $t-legacy-restore <rules.$t
  done
  if [ -n "$systemd" ] && [ -s units ]; then
    while read -r unit active enabled; do
      case $(systemctl is-enabled "$unit" 2>/dev/null) in
        "$enabled") ;;
        *) case $enabled in
             enabled) systemctl unmask "$unit"; systemctl enable "$unit" ;;
             disabled) systemctl unmask "$unit"; systemctl disable "$unit" ;;
             masked) systemctl mask "$unit" ;;
           esac ;;
      esac
      case $active:$(systemctl is-active "$unit") in
        active:active) ;;
        active:*) lost "$unit" || { systemctl reset-failed "$unit"; systemctl start "$unit"; } ;;
        *:active) systemctl stop "$unit" ;;
      esac
    done <units
    [ ! -e rules.nft ] || nft -f rules.load
  fi
}
# The server reads its old configuration again, or is started again.
server() {
  for i in 1 2 3; do
    if [ -n "$systemd" ]; then
      for unit in ssh sshd; do
        systemctl is-active --quiet $unit && { systemctl reload $unit || systemctl restart $unit; } && return
      done
    fi
    for p in /run/sshd.pid /var/run/sshd.pid; do
      [ -r $p ] && read -r pid <$p && mkdir -p /run/sshd && kill -HUP "$pid" 2>/dev/null && return
    done
    # While a host boots, whoever starts its services starts this one.
    [ "$boot" = '' ] || return
    if [ -z "$systemd" ] && command -v sshd >/dev/null 2>&1 && [ -f /etc/ssh/sshd_config ]; then
      mkdir -p /run/sshd
      "$(command -v sshd)" && return
    fi
    sleep 1
  done
}
boot=
[ "${1-}" != boot ] || { boot=1; rm -f at; }
# What is being done while the time runs out may write again: once it has ended, so is that put back.
busy=
[ ! -s at ] || busy=1
put_back
[ -n "$early" ] || { live; server; }
n=0
while [ -s at ] && read -r pid <at && kill -0 "$pid" && [ $n -lt 3600 ]; do busy=1 n=$((n+1)); sleep 1; done 2>/dev/null
[ -z "$busy" ] || { put_back; live; server; }
@UNHOOK@
unhook
mv reverting reverted
sync -- . 2>/dev/null || sync
! command -v logger >/dev/null 2>&1 ||
  logger -t palisade "a change that may cut access was not confirmed and was put back; see $here"
