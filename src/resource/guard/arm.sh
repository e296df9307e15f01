# Arms a guard: snapshot, timer, boot hook; then says so. Nothing was changed yet.
# Answers `armed DIRECTORY`, or fails with the reason on stderr.
set -u
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
id=@ID@ nonce=@NONCE@ seconds=@SECONDS@ login=@LOGIN@
if [ "$(id -u)" = 0 ]; then root=1 base=/var/lib/palisade
else root= base=${HOME:?}/.local/state/palisade
fi
# Not below a directory that others can write to.
umask 077
mkdir -p "$base/guard" && cd "$base/guard" || exit 1
[ -O . ] && [ ! -L "$base/guard" ] || { echo "$base/guard belongs to somebody else" >&2; exit 1; }
# timed DIR: whether something is there that will put it back. It was not set up yet in a directory that is new.
timed() {
  [ -n "$(find "$1/armed" -mmin +2 2>/dev/null)" ] || return 0
  read -r p <"$1/pid" && kill -0 "$p" && grep -q "$1" "/proc/$p/cmdline" && return
  command -v systemctl && systemctl is-active --quiet "palisade-guard-$1.timer"
} >/dev/null 2>&1
for g in */armed */reverting; do
  [ -e "$g" ] && [ "${g%%/*}" != "$id" ] || continue
  g=${g%%/*} within=
  ! read -r s 2>/dev/null <"$g/seconds" || within=" within $s s"
  if [ -e "$g/armed" ] && timed "$g"; then
    echo "another guarded change is under way on this host: it is confirmed or put back$within ($base/guard/$g)" >&2
  else
    # Whatever was to do it may be gone: it is asked again, and does nothing where it is being done.
    if command -v setsid >/dev/null 2>&1; then s=setsid; else s=; fi
    $s sh "$base/guard/$g/revert.sh" now </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    echo "another guarded change is being put back on this host: try again soon ($base/guard/$g)" >&2
  fi
  exit 1
done
# Who arms this one was told of the others when he came in.
for g in */reverted; do [ ! -e "$g" ] || : >"${g%/*}/told"; done
# What earlier ones left is kept for a month.
find . -mindepth 1 -maxdepth 1 -type d -mtime +30 -exec rm -rf {} + 2>/dev/null
mkdir -m 700 "$id" && cd "$id" || exit 1
dir=$base/guard/$id
give_up() { cd /; rm -rf "$dir"; echo "$*" >&2; exit 1; }

cat >paths <<'PATHS'
@PATHS@
PATHS
{
  if [ -n "$root" ]; then
    home=$(getent passwd "$login" 2>/dev/null | cut -d: -f6) || home=
    [ -n "$home" ] || home=$(sed -n "s/^$login:[^:]*:[^:]*:[^:]*:[^:]*:\([^:]*\):.*/\1/p" /etc/passwd)
    cat "$dir/paths"
    echo /root/.ssh
    [ -z "$home" ] || echo "$home/.ssh"
  else
    echo "$HOME/.ssh"
  fi
  cat <<'MORE'
@MORE@
MORE
} | sort -u | grep '^/' >all
mv all paths

# list: what is there, files and links; the snapshot keeps mode, owner, times and links.
mkdir files
keep() { mkdir -p "files${1%/*}" && cp -pP -- "$1" "files$1"; }
: >list
while IFS= read -r path; do
  [ -e "$path" ] || [ -L "$path" ] || continue
  find "$path" \( -type f -o -type l \) -print 2>/dev/null
done <paths | grep -v '/\.[^/]*\.palisade\.[0-9a-f]*$' | sort -u >list
# One process for all where that is possible; whatever is not there then is copied by itself.
! command -v tar >/dev/null 2>&1 || tar cf - -T list 2>/dev/null | (cd files && tar xpf -) 2>/dev/null
while IFS= read -r file; do
  [ -e "files$file" ] || [ -L "files$file" ] || keep "$file" || give_up "cannot keep a copy of $file"
done <list
if [ -n "$root" ]; then
  for unit in ssh sshd nftables ufw firewalld iptables networking NetworkManager systemd-networkd sssd; do
    command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ] || break
    systemctl cat "$unit.service" >/dev/null 2>&1 || continue
    echo "$unit $(systemctl is-active "$unit") $(systemctl is-enabled "$unit" 2>/dev/null)"
  done >units
  for f in /proc/sys/net/ipv4/*forward* /proc/sys/net/ipv[46]/conf/*/*; do
    [ -r "$f" ] && [ -w "$f" ] || continue
    case $f in */stable_secret|*/mc_forwarding) continue ;; esac
    read -r v <"$f" && echo "$f $v"
  done >sysctl 2>/dev/null
  ! command -v nft >/dev/null 2>&1 || nft list ruleset >rules.nft 2>/dev/null || rm -f rules.nft
  for t in iptables ip6tables; do
    ! command -v $t-legacy-save >/dev/null 2>&1 || $t-legacy-save >rules.$t 2>/dev/null || rm -f rules.$t
  done
fi
cat >revert.sh <<'REVERT'
@REVERT@
REVERT
printf '%s\n' "$nonce" >nonce
printf '%s\n' "$seconds" >seconds
# The parachute is proved before the jump.
sh -n revert.sh || give_up "the way back is broken"
if [ -n "$root" ] && command -v sshd >/dev/null 2>&1 && [ -f /etc/ssh/sshd_config ]; then
  why=$(sshd -t 2>&1) || give_up "the SSH server's configuration is wrong before anything was changed: $why"
fi
if [ -n "$root" ] && [ -n "@STEPS@" ]; then
how=@HOW@ keytype=@KEYTYPE@ key64=@KEY@
@PREFLIGHT@
@STAGED@
( preflight "@STEPS@" "@SUBJECTS@" ) || { cd /; rm -rf "$dir"; exit 0; }
fi
# What it needs is on the disk, whatever else waits to be written there.
find "$dir" -type f -exec sync -- {} + 2>/dev/null || sync

@HOOK@
[ -z "$root" ] || hook || give_up "nothing can be set up to run at boot"

mv nonce armed || give_up "cannot arm"
# The timer belongs to the system, not to this session.
if [ -n "$root" ] && [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --unit="palisade-guard-$id" --on-active="$seconds" --timer-property=AccuracySec=1s \
    -p OOMScoreAdjust=-900 /bin/sh "$dir/revert.sh" >/dev/null 2>why </dev/null ||
    give_up "cannot set a timer: $(cat why)"
  systemctl is-active --quiet "palisade-guard-$id.timer" || give_up "the timer does not run"
else
  cat >watch.sh <<'WATCH'
trap '' HUP INT TERM
cd / || exit 1
echo -900 2>/dev/null >/proc/self/oom_score_adj
left=$2
while [ "$left" -gt 0 ]; do
  [ -e "$1/armed" ] || exit 0
  sleep 1
  left=$((left-1))
done
exec sh "$1/revert.sh"
WATCH
  if command -v setsid >/dev/null 2>&1; then s=setsid; else s=; fi
  ( $s sh "$dir/watch.sh" "$dir" "$seconds" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- & echo $! >pid )
  kill -0 "$(cat pid)" 2>/dev/null || give_up "the timer does not run"
fi
echo "armed $dir"
