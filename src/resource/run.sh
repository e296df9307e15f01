# What running what a task names relies on; sent together with apply.sh.

# The surroundings that the login had.
pl_login() {
  trap - EXIT HUP INT PIPE TERM USR1
  PATH=${pl_path:-$PATH}
  if [ -n "$pl_lcset" ]; then LC_ALL=$pl_lcall; else unset LC_ALL; fi
  [ -z "$pl_env0" ] || { ENV=$pl_env0; export ENV; }
  [ -z "$pl_bashenv" ] || { BASH_ENV=$pl_bashenv; export BASH_ENV; }
  [ -z "$pl_cdpath" ] || { CDPATH=$pl_cdpath; export CDPATH; }
  umask "$pl_umask"
  cd -- "$pl_cwd" 2>/dev/null
}
pl_up() { pl_now=; [ ! -r /proc/uptime ] || read -r pl_now _ </proc/uptime; [ -n "$pl_now" ] || pl_now=$(date +%s); }
pl_rm() {
  [ -z "$pl_wp" ] || { kill -KILL $pl_wp; wait $pl_wp; pl_wp=; } 2>/dev/null
  [ -z "$pl_dir" ] || [ -z "$pl_used" ] || rm -f -- "$pl_dir"/[efiosp]*; pl_used=
}
# While steps run: what they print is cut to what a result can hold, so that it fills no memory; what
# prints without end is ended. One process a request, and only where something is run.
pl_watch() {
  [ -z "$pl_wp" ] || return 0
  ( trap - EXIT HUP INT PIPE TERM USR1
    pl_k=0.2 pl_y=TERM
    while sleep $pl_k || { pl_k=1; sleep 1; }; do
      kill -0 $$ || exit
      pl_x=$(find "$pl_dir" -name '[eo][0-9]*' -size +@KEPT@c)
      [ -n "$pl_x" ] || continue
      IFS=$pl_nl; set -f; set -- $pl_x; set +f; IFS=" 	$pl_nl"
      for pl_f; do
        [ -z "$(find "$pl_f" -size +@ENDLESS@c)" ] || { : >"$pl_dir/f"; pl_end_of "$pl_f" $pl_y; pl_y=KILL; }
        # What was printed last goes; the file's length, to which the writer holds, comes again as a hole.
        dd if=/dev/null of="$pl_f" bs=1 seek=@KEPT@
      done
    done
  ) </dev/null >/dev/null 2>&1 9>&- &
  pl_wp=$!
}
# pl_end_of FILE SIGNAL: ends whoever prints into it.
pl_end_of() {
  for pl_j in /proc/[0-9]*/fd/1 /proc/[0-9]*/fd/2; do
    [ "$pl_j" -ef "$1" ] || continue
    pl_j=${pl_j#/proc/}; pl_j=${pl_j%%/*}
    # ksh runs subshells itself.
    [ $pl_j = $$ ] || kill -$2 $pl_j
  done
}
# Whether the step was ended for that.
pl_flood() { [ -e "$pl_dir/f" ] && rm -f -- "$pl_dir/f"; }
# pl_live FILE FILE: what a step that takes its time adds to them, on stderr, until it is told to end.
pl_live() {
  trap 'pl_k=' TERM; trap - EXIT HUP INT PIPE USR1
  pl_k=1 pl_y= pl_i=0 pl_j=0
  while :; do
    { sleep 0.4 || sleep 1; } 2>/dev/null & wait $!
    [ -n "$pl_k$pl_y" ] || return 0
    pl_more "$1" $pl_i; pl_i=$pl_z
    pl_more "$2" $pl_j; pl_j=$pl_z pl_y=1
    [ -n "$pl_k" ] || return 0
  done
}
pl_more() {
  pl_z=$(($(wc -c <"$1")))
  [ $pl_z -le $2 ] || tail -c +$(($2+1)) -- "$1" | head -c $((pl_z-$2)) >&2
  [ -n "$pl_k" ] || [ -z "$(tail -c 1 -- "$1")" ] || echo >&2
}
# A payload: KIND as in pl_put, into the private directory.
pl_keep() {
  pl_private || return 1
  case $2 in
    q) pl_p "$3" >"$pl_dir/$1" ;;
    o) printf "$3" >"$pl_dir/$1" ;;
    e) pl_p "$3" | pl_dec >"$pl_dir/$1" ;;
    f) for pl_x in /var/tmp /tmp /dev/shm "$HOME"; do
         [ ! -f "$pl_x/$3" ] || [ ! -O "$pl_x/$3" ] || { mv -f -- "$pl_x/$3" "$pl_dir/$1"; return; }
       done; return 1 ;;
  esac 2>/dev/null
}
# Whether files of the private directory can be executed. Tried, because a busybox asks only for the
# mode of a file and not for its mount.
pl_exec() {
  case ${pl_xx-} in
    '')
      pl_xx=no
      pl_p "#!/bin/sh$pl_nl" >"$pl_dir/n" && chmod 700 -- "$pl_dir/n" && "$pl_dir/n" && pl_xx=yes ;;
  esac 2>/dev/null </dev/null
  [ "$pl_xx" = yes ]
}
# pl_x NUMBER CAPTURE TIMEOUT CHDIR STDIN WORD FLAGS: runs pl_c in surroundings given by pl_e. FLAGS:
# l live, m must succeed, o one of our own programs. Three records: how it went, stdout, stderr.
pl_x() {
  pl_commit
  pl_go || return 0
  pl_unlock
  [ -n "$pl_d0" ] || { pl_up; pl_u0=$pl_now; pl_d0=$(date +%s.%N); }
  pl_in=$5 pl_why= pl_to=0 pl_sid= pl_used=1
  if ! pl_private; then pl_bare "$@"; return 0; fi
  pl_watch
  pl_o=$pl_dir/o$1 pl_q=$pl_dir/e$1
  [ -z "$4" ] || rm -f -- "$pl_dir/s"
  [ -z "$3" ] || ! pl_has setsid || pl_sid=setsid
  pl_lp=
  case $7 in *l*) : >"$pl_o"; : >"$pl_q"; pl_live "$pl_o" "$pl_q" </dev/null >/dev/null 9>&- & pl_lp=$! ;; esac
  pl_up; pl_t1=$pl_now
  if [ -z "$3" ]; then
    { ( pl_start "$4" "$7" ) <"${pl_in:-/dev/null}" >"$pl_o" 2>"$pl_q" 9>&-; pl_s=$?; } 2>/dev/null
  else
    ( pl_start "$4" "$7" ) <"${pl_in:-/dev/null}" >"$pl_o" 2>"$pl_q" 9>&- &
    pl_pid=$!
    ( trap - EXIT HUP INT PIPE TERM USR1
      pl_k=$3
      while [ $pl_k -gt 0 ]; do sleep 1; pl_k=$((pl_k-1)); done
      : >"$pl_dir/p$1"
      kill -TERM -$pl_pid || kill -TERM $pl_pid
      sleep 2
      kill -KILL -$pl_pid || kill -KILL $pl_pid
    ) </dev/null >/dev/null 2>&1 9>&- &
    pl_w=$!
    # Being told to stop interrupts a shell that waits: it waits again.
    { pl_u=; wait $pl_pid; pl_s=$?
      while [ -n "$pl_u" ]; do
        pl_u=
        # bash waits for ever for a child that ended just when it was told.
        kill -0 $pl_pid || break
        wait $pl_pid; pl_x=$?
        # Shells that have told its status once say 127.
        [ $pl_x = 127 ] || pl_s=$pl_x
      done; } 2>/dev/null
    # A shell that was only just forked may lose any other signal.
    { kill -KILL $pl_w; wait $pl_w; } 2>/dev/null
    [ ! -e "$pl_dir/p$1" ] || { pl_to=1; [ -z "$pl_sid" ] || kill -KILL -$pl_pid 2>/dev/null; }
  fi
  pl_up
  [ -z "$pl_lp" ] || { kill -TERM $pl_lp; wait $pl_lp; } 2>/dev/null
  ! pl_flood || pl_to=2
  # ksh says 256 + n for a signal.
  [ $pl_s -le 256 ] || pl_s=$((pl_s-128))
  [ -z "$4" ] || [ ! -s "$pl_dir/s" ] || { read -r pl_why <"$pl_dir/s"; pl_why=${pl_why##*: }; }
  [ -n "$pl_why" ] || pl_missing $pl_s "$6" "$4"
  case $7 in *m*) [ $pl_s = 0 ] || pl_ok=0 ;; esac
  pl_r "$1" $pl_s "$pl_to $pl_d0 $pl_u0 $pl_t1 $pl_now$pl_nl$pl_why"
  pl_show "$pl_o" "$2"; pl_r $(($1+1)) 0 "$pl_v"
  pl_show "$pl_q" "$2"; pl_r $(($1+2)) 0 "$pl_v"
}
# pl_show FILE LIMIT: its bytes into pl_v, encoded, the encoding's letter before them: a capital where
# the reply has no room for the rest. Little costs one process, much is worth two.
pl_show() {
  pl_v=
  [ -s "$1" ] || return 0
  pl_k=4096
  [ $pl_left -gt 16384 ] || pl_k=64
  pl_v=$(od -An -v -tx1 -N $pl_k "$1" 2>/dev/null)
  if [ -n "$pl_v" ] && [ ${#pl_v} -lt $((pl_k*3)) ]; then pl_v=x$pl_v
  elif [ $pl_k = 64 ]; then pl_v=X$pl_v
  else
    pl_k=$2 pl_j=$pl_ec
    case $pl_ec in b) pl_y=$((pl_left/10*7)) ;; *) pl_y=$((pl_left/10*3)) ;; esac
    [ $pl_y -gt $pl_k ] || [ -z "$(find "$1" -size +${pl_y}c)" ] || {
      pl_k=$pl_y
      case $pl_ec in b) pl_j=B ;; *) pl_j=X ;; esac
    }
    pl_v=$pl_j$(head -c $((pl_k+1)) -- "$1" | $pl_ecmd)
  fi
  pl_left=$((pl_left-${#pl_v}))
}
pl_start() {
  case $2 in *o*) umask "$pl_umask" ;; *) pl_login ;; esac
  if [ -n "$1" ]; then
    if [ -d "$pl_dir" ]; then cd -- "$1" 2>"$pl_dir/s" || exit 125; else cd -- "$1" || exit 125; fi
  fi
  pl_e
  pl_c
}
pl_missing() { # STATUS WORD CHDIR
  case $1 in 126|127) ;; *) return 0 ;; esac
  [ -n "$2" ] || return 0
  pl_why=$( pl_login; [ -z "$3" ] || cd -- "$3"
    case $2 in
      */*) [ -f "$2" ] && [ -x "$2" ] ;;
      *) case $(command -v -- "$2") in /*) ;; *) false ;; esac ;;
    esac || if [ -e "$2" ]; then pl_p "Permission denied"; else pl_p "No such file or directory"; fi )
}
# Where nothing can be written: outputs go through one variable, so stderr comes with stdout. The status
# stands between marks that no encoding has.
pl_bare() {
  pl_up; pl_t1=$pl_now pl_dir=/nonexistent pl_k=$(($2+1))
  [ $((pl_left/10*3)) -gt $pl_k ] || pl_k=4096
  pl_y=$({ { ( pl_start "$4" "$7" ) </dev/null 2>&1 3>&- 9>&-; pl_p "!$?!" >&3; } | head -c $pl_k | $pl_ecmd; } 3>&1)
  pl_dir= pl_s=${pl_y#*!}; pl_s=${pl_s%%!*}
  pl_v=$pl_ec${pl_y%%!*}${pl_y##*!}
  pl_left=$((pl_left-${#pl_v}))
  pl_up
  case $7 in *m*) [ "$pl_s" = 0 ] || pl_ok=0 ;; esac
  pl_r "$1" $pl_s "0 $pl_d0 $pl_u0 $pl_t1 $pl_now$pl_nl"
  pl_r $(($1+1)) 0 "$pl_v"
  pl_r $(($1+2)) 0 ''
}
