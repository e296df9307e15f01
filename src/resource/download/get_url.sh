# Puts what is at an address into a file, unless that is what is in it already. Answers with lines of
# `key=value`.
dir=
[ ! -d "$t" ] || dir=${t%/}
[ -n "$dir" ] || say dest "$t"
case $sum in
  *://*)
    fetch "$sum" "$d/s"
    [ $rc = 0 ] || { cat "$d/e" >&2; exit 1; }
    case $code in 2*|000) ;; *) echo "Unable to fetch the checksums from '$sum': HTTP Error $code" >&2; exit 1 ;; esac
    b=${url%%\?*}; b=${b##*/}
    sum=$(sed -n "s/^\([0-9A-Fa-f]*\)[ 	]*[*]\{0,1\}\(\.\/\)\{0,1\}$(printf %s "$b" | sed 's/[.[*^$\/]/\\&/g')\$/\1/p" "$d/s" | head -n 1)
    [ -n "$sum" ] || { set -- $(cat "$d/s"); [ $# != 1 ] || sum=$1; }
    [ -n "$sum" ] || { echo "Unable to find a checksum for file '$b' in '$url'" >&2; exit 1; } ;;
esac
sum=$(printf %s "$sum" | tr A-F a-f)
digest() { x=$("$1sum" <"$2") || exit; printf %s "${x%% *}"; }
finish() {
  about
  say md5sum "$(digest md5 "$t")"
  exit 0
}
if [ -z "$dir" ] && [ -f "$t" ] && [ -z "$force" ]; then
  if [ -z "$sum" ]; then since=$t
  elif [ "$(digest "$alg" "$t")" = "$sum" ]; then
    attrs; say changed "$c"; say msg 'file already exists'; finish
  fi
fi
fetch "$url" "$d/f"
say status_code "$code"
say src "$d/f"
if [ -n "$dir" ]; then named; t=$dir/$x; say dest "$t"; fi
case $code in
  304) attrs; say changed "$c"; say msg 'HTTP Error 304: Not Modified'; finish ;;
esac
[ $rc = 0 ] || { say msg 'Request failed'; cat "$d/e" >&2; exit 1; }
x=$(last | sed -n '1s/^HTTP[^ ]* *[0-9]* *//p')
case $code in 2*|000) ;; *) say msg 'Request failed'; x="HTTP Error $code: $x"; x=${x%: }; say response "$x"; echo "$x" >&2; exit 1 ;; esac
[ -z "$sum" ] || [ "$(digest "$alg" "$d/f")" = "$sum" ] || {
  echo "The checksum for $t did not match $sum; it was $(digest "$alg" "$d/f")." >&2; exit 1; }
say checksum_src "$(digest sha1 "$d/f")"
x=$(last | sed -n 's/^[Cc]ontent-[Ll]ength: *//p')
say msg "OK (${x:-unknown} bytes)"
# That of what is replaced, if anything is.
x=
[ ! -f "$t" ] || x=$(digest sha1 "$t")
say checksum_dest "$x"
if [ -f "$t" ] && cmp -s "$d/f" "$t"; then attrs; say changed "$c"; finish; fi
land "$d/f"
attrs
say changed 1
finish
