# Asks an address. Answers with lines of `key=value` up to an empty one, then the heads of the answers
# and what went wrong, their length before them, and the body.
changed=
dir=
if [ -n "$t" ] && [ -d "$t" ]; then dir=${t%/}
elif [ -n "$t" ] && [ -f "$t" ] && [ -z "$force" ]; then since=$t
fi
fetch "$url" "$d/f"
if [ -n "$t" ] && [ $rc = 0 ]; then
  case $codes in *" $code "*)
    if [ -n "$dir" ]; then named; t=$dir/$x; fi
    if [ "$code" != 304 ] && ! cmp -s "$d/f" "$t"; then land "$d/f"; changed=1; fi
    attrs
    changed=${changed:-$c}
    say path "$t"
    about ;;
  esac
fi
say status "$code"; say url "$eff"; say rc "$rc"; say changed "$changed"
h=$(cat "$d/h"; sed 's/^/!/' "$d/e"; echo x); h=${h%x}
LC_ALL=C; printf '\n%s\n%s' "${#h}" "$h"; cat "$d/f"
