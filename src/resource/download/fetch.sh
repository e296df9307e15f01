# Fetching with what the host has: curl, GNU's wget, or busybox's. What to fetch and how comes on
# standard input as assignments, so that it stands on no command line:
# url method body file: what is asked, and the file that is sent with it (made by pieces)
# c_curl c_wget: settings of the tools; h1 h2 h3: headers of the first request, of one that a
# redirection repeats, of one that a redirection turns into a GET; follow, since (a file), dec
um=$(umask); umask 077
eval "$(cat)"
nl='
'
if [ -n "$tmp" ] && [ ! -d "$tmp" ]; then
  if [ -e "$tmp" ]; then echo "$tmp is a file but should be a directory" >&2
  else echo "$tmp directory does not exist" >&2; fi
  exit 1
fi
d=$(mktemp -d "${tmp:-${TMPDIR:-/tmp}}/.palisade.XXXXXX") || exit
n=
trap 'rm -rf -- "$d"; [ -z "$n" ] || rm -f -- "$n"' EXIT
has() { command -v "$1" >/dev/null 2>&1; }
# Lines of base64 as mail has them.
code64() {
  has base64 || { echo 'this host has no base64 to encode a file with: install it, or say `multipart_encoding: 7or8bit`' >&2; exit 1; }
  base64 | sed "s/\$/$(printf '\r')/"
}
case $body in
  -) body=$d/b; (pieces) >"$body" || exit 1 ;;
  ?*) [ -r "$body" ] || { echo "Unable to open source file $body" >&2; exit 1; } ;;
esac
: >"$d/j"
say() { printf '%s=%s\n' "$1" "$2"; }
lacks() { echo "this host has no curl, and its wget $1: install curl" >&2; exit 1; }
if has curl; then tool=curl
elif has wget; then
  case $(wget --version 2>/dev/null) in
    *GNU*) tool=gnu ;;
    *) tool=busy busy=wget ;;
  esac
elif has busybox && busybox wget --help >/dev/null 2>&1; then tool=busy busy='busybox wget'
else echo 'this host has neither curl nor wget: install curl' >&2; exit 127
fi
# The lines of the last answer's head.
last() { tr -d '\r' <"$d/h" | sed -n '/^HTTP\//{h;d;};H;${x;p;}'; }
# Where a redirection leads: FROM TO
lead() {
  case $2 in
    *://*) next=$2 ;;
    //*) next=${1%%://*}:$2 ;;
    /*) next=${1#*://}; next=${1%%://*}://${next%%/*}$2 ;;
    *) next=${1%%\?*}; next=${next%/*}/$2 ;;
  esac
}
# What wget printed of the answers' heads.
heads() {
  sed -n 's/^  //p' "$d/e" >"$d/h"
  code=$(sed -n 's/^HTTP[^ ]* \([0-9][0-9]*\).*/\1/p' "$d/h" | tail -n 1)
  eff=$1
  while IFS= read -r x; do
    [ -z "$x" ] || { lead "$eff" "$x"; eff=$next; }
  done <<L
$(tr -d '\r' <"$d/h" | sed -n 's/^[Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]: *\([^ ]*\).*/\1/p')
L
  next=
  case ${code:-0} in 30[12378]) next=$eff eff=$1 ;; esac
  sed '/^  /d' "$d/e" >"$d/x"; mv -f "$d/x" "$d/e"
}
# Each goes once: URL FILE METHOD HEADERS BODY FOLLOW
by_curl() {
  { printf '%s\n' "$c_curl"
    printf %s "$4" | sed 's/^\([^:]*\): *$/\1;/;s/[\\"]/\\&/g;s/.*/header = "&"/'; echo
    printf %s "$1" | sed 's/[\\"]/\\&/g;s/.*/url = "&"/'; echo
  } >"$d/c"
  o=$2 u=$1 m=$3 b=$5 f=$6
  set -- -o "$o"
  case $m in GET) ;; HEAD) set -- -I -o /dev/null ;; *) set -- "$@" -X "$m" ;; esac
  [ -z "$b" ] || set -- "$@" --data-binary "@$b"
  [ -z "$f" ] || set -- "$@" -L
  code=$(curl -q -K "$d/c" -sS -D "$d/h" -b "$d/j" -c "$d/j" -w '%{http_code}\n%{url_effective}\n%{redirect_url}' "$@" 2>"$d/e")
  rc=$?
  { read -r code; read -r eff; read -r next; } <<A
$code
A
}
by_gnu() {
  [ -z "$sock" ] || lacks 'cannot use a socket of this host'
  [ -z "$gss" ] || lacks 'knows no GSSAPI'
  { printf '%s\n' "$c_wget"; printf %s "$4" | sed 's/^/header = /'; echo
    [ "$3" = GET ] || printf 'method = %s\n' "$3"
    [ -z "$5" ] || printf 'body_file = %s\n' "$5"
    [ -n "$6" ] || echo 'max_redirect = 0'
  } >"$d/c"
  printf '%s\n' "$1" >"$d/u"
  wget --config="$d/c" -nv --save-cookies="$d/j" --load-cookies="$d/j" --keep-session-cookies -O "$2" -i "$d/u" 2>"$d/e"
  rc=$?
  case $(sed -n '/HTTP/!d;s/.*[Uu]nknown.*/x/p;q' "$d/e") in x) lacks 'is too old' ;; esac
  heads "$1"
  # An answer is one, whatever wget thinks of its status.
  [ -z "$code" ] || rc=0
  [ -n "$code" ] || [ $rc != 0 ] || code=200
}
by_busy() {
  for i in "socket:$sock" "GSSAPI:$gss" "user:$user" "certificates:$pem" "ciphers:$ciphers"; do
    [ -z "${i#*:}" ] || lacks "takes no ${i%%:*}"
  done
  o=$2 u=$1 m=$3 h=$4 b=$5
  [ -n "$6" ] || lacks 'follows every redirection'
  $busy --help >"$d/x" 2>&1
  set -- -S -O "$o" -U "$agent"
  case $m in
    GET) ;;
    HEAD) set -- "$@" --spider ;;
    POST) grep -q post-file "$d/x" || lacks 'cannot send'; set -- "$@" --post-file "${b:-/dev/null}" ;;
    *) lacks "has no method $m" ;;
  esac
  [ -n "$proxy" ] || set -- "$@" -Y off
  if [ -z "$validate" ]; then ! grep -q no-check "$d/x" || set -- "$@" --no-check-certificate; fi
  ! grep -q '\[-T' "$d/x" || set -- "$@" -T "$timeout"
  # Headers stand on its command line, where everybody on the host may read them.
  IFS=$nl; set -f
  for i in $h; do
    case $(printf %s "${i%%:*}" | tr A-Z a-z) in
      accept|accept-*|cache-control|content-type|if-modified-since|pragma|range|referer) ;;
      *) lacks "would show the header ${i%%:*} to every user of the host" ;;
    esac
    set -- "$@" --header "$i"
  done
  IFS=' 	'$nl; set +f
  : >"$o"
  ( q= s=0
    while sleep 1; do
      z=$(wc -c <"$o")
      if [ "$z" = "$q" ]; then s=$((s+1)); else s=0 q=$z; fi
      [ $s -lt "$timeout" ] || { : >"$d/late"; kill $(cat "$d/p"); exit; }
    done
  ) >/dev/null 2>&1 &
  w=$!
  # Not read from a file: what starts it says its number first.
  sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$d/p" $busy "$@" -- "$u" 2>"$d/e" >&2
  rc=$?
  kill $w 2>/dev/null
  wait $w 2>/dev/null
  [ ! -e "$d/late" ] || echo 'timed out' >>"$d/e"
  if [ -n "$validate" ] && grep -q 'certificate validation not implemented' "$d/e"; then
    lacks 'cannot tell whether the server is who it says'
  fi
  heads "$u"
  [ -n "$code" ] || code=$(sed -n 's/.*HTTP[^ ]* \([0-9][0-9][0-9]\).*/\1/p' "$d/e" | tail -n 1)
  [ -z "$code" ] || rc=0
  [ -n "$code" ] || [ $rc != 0 ] || code=200
}
# fetch URL FILE: sets rc, code, eff; the heads of the answers are in $d/h, complaints in $d/e.
fetch() {
  to=$2 own_follow=
  case $method in GET|HEAD) [ "$h1" != "$h2" ] || own_follow=$follow ;; esac
  [ $tool != busy ] || own_follow=$follow
  x=$h1
  if [ -n "$since" ]; then
    i=$(date -u -r "$since" '+%a, %d %b %Y %H:%M:%S GMT') && x="If-Modified-Since: $i${h1:+$nl$h1}"
  fi
  : >"$d/e"; : >"$d/h"
  by_$tool "$1" "$2" "$method" "$x" "$body" "$own_follow"
  [ -e "$d/h" ] || : >"$d/h"
  if [ -n "$follow" ] && [ -z "$own_follow" ] && [ -n "$next" ]; then
    mv -f "$d/h" "$d/h0"
    case $code:$method in
      30[78]:*|301:PUT|301:DELETE|301:PATCH) by_$tool "$next" "$to" "$method" "$h2" "$body" 1 ;;
      *:HEAD) by_$tool "$next" "$to" HEAD "$h3" '' 1 ;;
      *) by_$tool "$next" "$to" GET "$h3" '' 1 ;;
    esac
    cat "$d/h" >>"$d/h0" 2>/dev/null; mv -f "$d/h0" "$d/h"
  fi
  [ -e "$to" ] || : >"$to"
  [ -z "$dec" ] || [ ! -s "$to" ] || case $(last | tr A-Z a-z | sed -n 's/^content-encoding: *//p') in
    gzip|x-gzip)
      has gzip || { echo 'the answer is compressed, and this host has no gzip: install it, or say `decompress: false`' >&2; exit 1; }
      gzip -dc <"$to" >"$d/z" || exit
      mv -f "$d/z" "$to" ;;
  esac
}
# The file's name as the answer has it.
named() {
  x=$(last | sed -n 's/^[Cc]ontent-[Dd]isposition:.*[; ][Ff]ilename="\{0,1\}\([^";]*\).*/\1/p')
  x=${x##*/}
  [ -n "$x" ] || { x=${eff%%\#*}; x=${x%%\?*}; x=${x#*://}; case $x in */*) x=${x##*/} ;; *) x= ;; esac; }
  case $x in ''|.|..) x=index.html ;; esac
}
# Gives $t its owner, mode and labels; $c says whether that changed anything.
attrs() {
  c=
  [ -z "$own$grp" ] || { was=$(stat -c %u:%g -- "$t"); chown -h -- "$own${grp:+:$grp}" "$t" || exit; [ "$was" = "$(stat -c %u:%g -- "$t")" ] || c=1; }
  [ -z "$mode" ] || { was=$(stat -c %a -- "$t"); (umask "$um"; chmod -- "$mode" "$t") || exit; [ "$was" = "$(stat -c %a -- "$t")" ] || c=1; }
  [ -z "$label" ] || [ ! -e /sys/fs/selinux/enforce ] || {
    was=$(stat -c %C -- "$t"); eval "chcon $label"' -- "$t"' || exit; [ "$was" = "$(stat -c %C -- "$t")" ] || c=1; }
  [ -z "$flags" ] || { was=$(lsattr -d -- "$t"); chattr "$flags" -- "$t" || exit; [ "$was" = "$(lsattr -d -- "$t")" ] || c=1; }
}
about() {
  say size "$(stat -c %s -- "$t")"; say uid "$(stat -c %u -- "$t")"; say gid "$(stat -c %g -- "$t")"
  say owner "$(stat -c %U -- "$t")"; say group "$(stat -c %G -- "$t")"; say mode "$(printf 0%03o $((0$(stat -c %a -- "$t"))))"
  [ ! -e /sys/fs/selinux/enforce ] || say secontext "$(stat -c %C -- "$t")"
}
# land FILE: its bytes become those of $t, all at once.
land() {
  p=${t%/*}; [ "$p" != "$t" ] || p=.
  [ -d "${p:-/}" ] || { echo "Destination $p does not exist" >&2; exit 1; }
  if [ -f "$t" ] && [ -n "$backup" ]; then
    x=$(sha256sum <"$t"); b=$t.$(printf %.8s "$x")~; cp -p -- "$t" "$b" || exit; say backup_file "$b"
  fi
  n=$p/.palisade.$$
  if
    if [ -f "$t" ]; then cp -p -- "$t" "$n" && cat "$1" >"$n"
    else cat "$1" >"$n" && (umask "$um"; chmod =rw "$n")
    fi 2>"$d/m" && mv -f -- "$n" "$t" 2>"$d/m"
  then n=
  else
    rm -f -- "$n"; n=
    [ -n "$unsafe" ] && [ -f "$t" ] && cat "$1" >"$t" 2>"$d/m" || { cat "$d/m" >&2; exit 1; }
  fi
}
