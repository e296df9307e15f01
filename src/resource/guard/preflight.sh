# What a change would keep out is said before it is made: it is laid over a copy, and whoever will read it
# is asked. Only what is wrong then and is not wrong now counts: a question that a host answers wrongly
# keeps nobody from changing it.
stage=$dir/stage
home=$(getent passwd "$login" 2>/dev/null | cut -d: -f6) || home=
# into PATH MODE OWNER GROUP TEXT: a file as it would be.
into() {
  mkdir -p "$stage${1%/*}" && rm -f -- "$stage$1" && printf '%s' "$5" >"$stage$1" && about "$1" "$2" "$3" "$4"
}
# about PATH MODE OWNER GROUP: whose it would be. Not every name is known already.
about() {
  chmod "$2" "$stage$1"
  [ -z "$3" ] || chown "$3" "$stage$1"
  [ -z "$4" ] || chgrp "$4" "$stage$1"
} 2>/dev/null
away() { rm -rf -- "$stage$1"; }
# afresh: a copy of what is there, where those who read it find it all.
afresh() {
  rm -rf "$stage"
  mkdir "$stage" && mkdir "$stage/etc" || return
  for p in /etc/ssh /etc/sudoers /etc/sudoers.d /etc/nftables.conf /etc/nftables.d "$home/.ssh"; do
    [ -e "$dir/files$p" ] || continue
    mkdir -p "$stage${p%/*}" && cp -pPR "$dir/files$p" "$stage${p%/*}/"
  done
  rules=
}
# moved FILES: what they include lies in the copy.
moved() {
  for f; do
    [ -f "$f" ] && [ ! -L "$f" ] || continue
    sed -e "/^[[:blank:]]*[Ii][Nn][Cc][Ll][Uu][Dd][Ee][[:blank:]=\"]/{
s#^[[:blank:]]*[A-Za-z]*[[:blank:]]*=\{0,1\}[[:blank:]]*#Include #
s#\([[:blank:]]\"\{0,1\}\)\([^/\"[:blank:]~]\)#\1/etc/ssh/\2#g
s#\([[:blank:]\"]\)/etc/ssh/#\1$stage/etc/ssh/#g
}" "$f" >"$dir/moved" && cat "$dir/moved" >"$f"
  done
  rm -f "$dir/moved"
}
# words: what a checker said, as one line without the names of copies.
words() { sed -e "s#$stage##g" | grep -v '^[[:blank:]]*$' | head -n 3 | tr '\n' ' ' | cut -c 1-400; }

# How this login came: the address and port of either end, by the session that began it.
came() {
  p=$$ n=0
  while [ "$p" -gt 1 ] && [ $n -lt 12 ]; do
    c=$(tr '\0' '\n' <"/proc/$p/environ" | sed -n 's/^SSH_CONNECTION=//p')
    [ -z "$c" ] || { echo "$c"; return; }
    p=$(sed -e 's/^.*) [A-Z] \([0-9]*\) .*/\1/' <"/proc/$p/stat") || return
    n=$((n+1))
  done 2>/dev/null
}
# matches NAME PATTERNS: whether one of them is it; of `user@host` the address counts too.
matches() {
  set -f
  for w in $2; do
    case $w in
      *@*) case $1 in ${w%@*}) case ${w##*@} in */*) set +f; return ;; esac
             case $from in ${w##*@}) set +f; return ;; esac ;; esac ;;
      *) case $1 in $w) set +f; return ;; esac ;;
    esac
  done
  set +f
  return 1
}
# ssh_check ROOT: why this login would not come in, if so.
ssh_check() {
  conf=$1/etc/ssh/sshd_config
  [ -f "$conf" ] || { echo "there would be no /etc/ssh/sshd_config"; return; }
  why=$(sshd -t -f "$conf" 2>&1) || { printf 'sshd would not start: %s\n' "$(echo "$why" | words)"; return; }
  [ -n "$from" ] || return 0
  sshd -T -f "$conf" -C "user=$login,host=$from,addr=$from,laddr=$here,lport=$port" 2>/dev/null >"$dir/effective" || return 0
  au= du= ag= dg= root=yes pk=yes pw=yes kbd=yes am=any akf= akc=none ca=none pka= la=
  while read -r key value; do
    case $key in
      allowusers) au="$au $value" ;;
      denyusers) du="$du $value" ;;
      allowgroups) ag="$ag $value" ;;
      denygroups) dg="$dg $value" ;;
      permitrootlogin) root=$value ;;
      pubkeyauthentication) pk=$value ;;
      passwordauthentication) pw=$value ;;
      kbdinteractiveauthentication|challengeresponseauthentication) kbd=$value ;;
      authenticationmethods) am=$value ;;
      authorizedkeysfile) akf=$value ;;
      authorizedkeyscommand) akc=$value ;;
      trustedusercakeys) ca=$value ;;
      pubkeyacceptedalgorithms|pubkeyacceptedkeytypes) pka=$value ;;
      listenaddress) la="$la $value" ;;
    esac
  done <"$dir/effective"
  rm -f "$dir/effective"
  ! matches "$login" "$du" || echo "DenyUsers$du: it names $login, who palisade logs in as"
  [ -z "$au" ] || matches "$login" "$au" || echo "AllowUsers$au: $login, who palisade logs in as, is not among them"
  ok=
  for g in $(id -Gn "$login" 2>/dev/null); do
    ! matches "$g" "$dg" || echo "DenyGroups$dg: $login, who palisade logs in as, is in $g"
    ! matches "$g" "$ag" || ok=1
  done
  [ -z "$ag" ] || [ -n "$ok" ] || echo "AllowGroups$ag: $login, who palisade logs in as, is in none of them"
  if [ "$(id -u "$login" 2>/dev/null)" = 0 ]; then
    case $root:$how in
      no:*|forced-commands-only:*|without-password:password|prohibit-password:password|*-password:keyboard-*)
        echo "PermitRootLogin $root: palisade logs in as root here. Log in as a user who becomes root by sudo (ansible_user, --become)" ;;
    esac
  fi
  case $how in
    publickey) [ "$pk" != no ] || echo "PubkeyAuthentication no: palisade logs in by a key" ;;
    password) [ "$pw" != no ] || echo "PasswordAuthentication no: palisade logs in by a password" ;;
    keyboard-interactive) [ "$kbd" != no ] || echo "KbdInteractiveAuthentication no: palisade logs in that way" ;;
  esac
  if [ "$am" != any ] && [ -n "$how" ]; then
    ok=
    for m in $am; do case $m in "$how"|"$how":*) ok=1 ;; esac; done
    [ -n "$ok" ] || echo "AuthenticationMethods $am: palisade logs in by $how alone"
  fi
  if [ -n "$keytype" ] && [ -n "$pka" ]; then
    case ,$pka, in
      *,"$keytype",*) ;;
      *) case $keytype:$pka in
           ssh-rsa:*rsa-sha2-*|*:*[*]*) ;;
           *) echo "PubkeyAcceptedAlgorithms: $keytype, palisade's key, is not among them" ;;
         esac ;;
    esac
  fi
  if [ -n "$key64" ] && [ "$akc:$ca" = none:none ] && [ "$akf" != none ] && [ -n "$home" ]; then
    ok=
    for f in $akf; do
      f=$(printf '%s\n' "$f" | sed -e "s#%h#$home#g" -e "s#%u#$login#g")
      case $f in /*) ;; *) f=$home/$f ;; esac
      case $f in /etc/ssh/*|"$home"/.ssh/*) f=$1$f ;; esac
      ! grep -qF -e "$key64" "$f" 2>/dev/null || ok=1
    done
    [ -n "$ok" ] || echo "AuthorizedKeysFile $akf: the key that palisade logs in with is in none of them"
  fi
  if [ -n "$la" ] && ! { [ -n "$systemd" ] && systemctl is-active --quiet ssh.socket; }; then
    ok=
    for a in $la; do case $a in "0.0.0.0:$port"|"[::]:$port"|"$here:$port"|"[$here]:$port") ok=1 ;; esac; done
    [ -n "$ok" ] || echo "ListenAddress, Port:$la: palisade comes in by $here port $port. Listen on both, change the inventory, then leave the old one"
  fi
}
sudo_check() {
  [ -f "$1/etc/sudoers" ] || { echo "there would be no /etc/sudoers"; return; }
  for f in "$1"/etc/sudoers "$1"/etc/sudoers.d/*; do
    case $f in *~|*/sudoers.d/*.*) continue ;; esac
    [ -z "$(find "$f" -prune -type f \( -perm -020 -o -perm -002 -o ! -user 0 \) 2>/dev/null)" ] ||
      echo "sudo would refuse ${f#"$1"}: others than root can write to it"
  done
  command -v visudo >/dev/null 2>&1 || return 0
  why=$(visudo -c -f "$1/etc/sudoers" 2>&1) || printf 'visudo: %s\n' "$(echo "$why" | grep -v 'parsed OK' | words)"
}
nft_check() {
  command -v nft >/dev/null 2>&1 || return 0
  [ ! -f "$1/etc/nftables.conf" ] || why=$(nft -c -f "$1/etc/nftables.conf" 2>&1) ||
    printf 'nft: %s\n' "$(echo "$why" | words)"
  [ -z "$1" ] || [ -z "$rules" ] || why=$(printf '%s' "$rules" | nft -c -f - 2>&1) ||
    printf 'nft: %s\n' "$(echo "$why" | words)"
}
# wrong SUBJECT: the first that is wrong with the copy and is not wrong now.
wrong() {
  case $1 in
    ssh) now=$(moved "$stage"/etc/ssh/sshd_config "$stage"/etc/ssh/*/*; ssh_check "$stage") ;;
    sudo)
      for f in "$stage"/etc/sudoers "$stage"/etc/sudoers.d/*; do
        [ -f "$f" ] && [ ! -L "$f" ] || continue
        sed "/^[@#]include/s#[[:blank:]]/etc/# $stage/etc/#" "$f" >"$dir/moved" && cat "$dir/moved" >"$f"
      done
      rm -f "$dir/moved"
      now=$(sudo_check "$stage") ;;
    nft)
      for f in "$stage"/etc/nftables.conf "$stage"/etc/nftables.d/*; do
        [ -f "$f" ] && [ ! -L "$f" ] || continue
        sed "/^[[:blank:]]*include/s#\"/etc/#\"$stage/etc/#" "$f" >"$dir/moved" && cat "$dir/moved" >"$f"
      done
      rm -f "$dir/moved"
      now=$(nft_check "$stage") ;;
  esac
  [ -n "$now" ] || return 1
  was=$(${1}_check "")
  while IFS= read -r line; do
    case "
$was
" in *"
$line
"*) ;; *) printf '%s\n' "$line"; return ;; esac
  done <<NOW
$now
NOW
  return 1
}
# preflight STEPS SUBJECTS: says which step is wrong, and why.
preflight() {
  [ -n "$1" ] || return 0
  set -- "$1" "$2" "$(came)"
  from=${3%% *} port=${3##* } here=${3% *} here=${here##* }
  systemd=
  [ ! -d /run/systemd/system ] || systemd=1
  for subject in $2; do
    afresh || return 0
    for n in $1; do step_$n; done
    why=$(wrong $subject) || continue
    # Together they are wrong: the first with which they are is the one.
    afresh
    for n in $1; do
      step_$n
      ! why=$(wrong $subject) || break
    done
    guilty=$n
    rm -rf "$stage"
    printf 'refused %s %s\n' "$guilty" "$why"
    return 1
  done
  rm -rf "$stage"
}
