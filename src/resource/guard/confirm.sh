# Confirms a guard: one rename is the only point at which it is committed. Tidying up behind it may fail.
# Answers how it stands, or `again` where the SSH server has not read its new configuration yet: a login
# to the old one would prove nothing.
set -u
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
id=@ID@ nonce=@NONCE@
if [ "$(id -u)" = 0 ]; then dir=/var/lib/palisade/guard/$id
else dir=${HOME:?}/.local/state/palisade/guard/$id
fi
cd "$dir" || exit 1
if [ -e armed ] && read -r n <armed && [ "$n" != "$nonce" ]; then
  echo "this guard belongs to another run" >&2; exit 1
fi
@UNHOOK@
# Whether the server's configuration was changed under this guard, and is newer than the server.
unread() {
  [ "$(id -u)" = 0 ] || return 1
  [ -f /etc/ssh/sshd_config ] || return 1
  pid=/run/sshd.pid
  [ -e $pid ] || pid=/var/run/sshd.pid
  late=
  for f in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*; do
    [ -f "$f" ] || continue
    ! cmp -s "$f" "files$f" || continue
    if [ ! -e $pid ] || [ "$f" -nt $pid ]; then late=1; fi
  done
  [ -n "$late" ]
}
if [ @COMMIT@ != look ]; then
  if [ -e armed ] && unread; then
    # One that it would not start with again is not for it to read.
    if command -v sshd >/dev/null 2>&1; then
      why=$(sshd -t 2>&1) || { printf 'wrong: %s\n' "$why"; exit 0; }
    fi
    if [ ! -e asked ]; then
      : >asked
      told=
      [ ! -d /run/systemd/system ] || for unit in ssh sshd; do
        systemctl is-active --quiet $unit && { systemctl reload $unit || systemctl restart $unit; } && told=1 && break
      done
      # Nobody manages it, or whoever does has lost sight of it.
      [ -n "$told" ] || { [ -r $pid ] && read -r p <$pid && kill -HUP "$p"; }
      echo again; exit 0
    fi
    # A server that keeps no number in a file had its time by now.
    [ ! -e $pid ] || { echo again; exit 0; }
  fi
  if [ @COMMIT@ = commit ] && mv armed committed 2>/dev/null; then
    sync -- . 2>/dev/null || sync
    if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
      systemctl stop "palisade-guard-$id.timer" 2>/dev/null
    fi
    for g in ../*/armed; do [ ! -e "$g" ] || { echo committed; exit 0; }; done
    unhook
    # Copies of keys and shadow entries are not needed any more.
    rm -rf files
  fi
fi
# What is not as it was although it was put back.
if [ -e reverted ]; then
  : >told
  echo reverted
  while IFS= read -r file; do
    [ -L "files$file" ] || cmp -s "files$file" "$file" || echo "$file"
  done <list
  exit 0
fi
for s in committed reverting armed; do
  [ ! -e $s ] || { echo $s; exit 0; }
done
echo nothing
