# What changes and runs rely on; sent once to a shell, with its first change or run.
# A step answers only if every one before it succeeded (pl_ok): no record means not run.
# Statuses of our own: 70 changed meanwhile, 71 refused by its validator, 72 not followed for safety,
# 73 another run holds the lock, 74 not written whole.

pl_dirty=0 pl_d0= pl_gn=0 pl_ing= pl_wp= pl_left=0 pl_sd=
# pl_fail NUMBER STATUS TEXT: reports a failure, leaves nothing behind and stops the steps after it.
pl_fail() {
  [ -z "$pl_tmp" ] || rm -f -- "$pl_tmp"
  pl_tmp=
  cd /
  if [ -z "$pl_ing" ]; then
    pl_f1=$1 pl_f2=$2 pl_f3=$3
    pl_commit
    [ $pl_ok = 1 ] || return 1
    set -- $pl_f1 $pl_f2 "$pl_f3"
  fi
  pl_ok=0
  pl_r "$1" "$2" "$3"
  return 1
}
# The first words of what a command says on stderr, without the shell's own name before them.
pl_words() { pl_x=$({ "$@"; } 2>&1 >/dev/null); pl_x=${pl_x##*: }; pl_p "${pl_x:-failed}"; }

# A private directory for outputs and payloads, made on first need.
pl_private() {
  [ -z "$pl_dir" ] || return 0
  for pl_x in /dev/shm /run /tmp /var/tmp "$HOME"; do
    [ -d "$pl_x" ] && [ -w "$pl_x" ] || continue
    pl_y=$pl_x/.palisade.$pl_tok.$$
    mkdir -m 700 -- "$pl_y" 2>/dev/null || continue
    pl_k=0
    for pl_z in "$pl_x"/.palisade.*.[0-9]*; do
      [ -d "$pl_z" ] && [ ! -L "$pl_z" ] && [ -O "$pl_z" ] && ! kill -0 ${pl_z##*.} || continue
      # A few each time: that many are soon none.
      pl_k=$((pl_k+1)); [ $pl_k -lt 5 ] || break
      find "$pl_z" -prune -type d -mmin +@STALE@ -exec rm -rf -- {} +
    done 2>/dev/null
    if [ ! -L "$pl_y" ] && [ -O "$pl_y" ] && : >"$pl_y/t"; then pl_dir=$pl_y; return 0; fi
  done 2>/dev/null
  return 1
}

# One writer a host: a lock that the kernel frees with this shell, or a directory with our pid.
pl_lockfile() {
  pl_lf=
  if [ -n "$pl_root" ]; then set -- /run /var/run /tmp
  else set -- "${XDG_RUNTIME_DIR:-/nonexistent}" /tmp "$HOME"; fi
  for pl_x; do
    [ -d "$pl_x" ] && [ -w "$pl_x" ] || continue
    pl_y=$pl_x/palisade.lock
    [ "$pl_x" != /tmp ] || pl_y=/tmp/.palisade.${pl_id%%\(*}.lock
    [ ! -L "$pl_y" ] || continue
    [ ! -e "$pl_y" ] || [ -O "$pl_y" ] || continue
    pl_lf=$pl_y
    return
  done
}
pl_take() {
  if [ -n "$pl_flock" ]; then
    flock -n 9 9>&9 || return
    pl_p "pid $$, user ${pl_id%% *}${SSH_CLIENT:+, from ${SSH_CLIENT%% *}}" 2>/dev/null >"$pl_lf"
  else
    mkdir -- "$pl_lf.d" 2>/dev/null || {
      read -r pl_x <"$pl_lf.d/pid" && ! kill -0 "$pl_x" && rm -rf -- "$pl_lf.d" && mkdir -- "$pl_lf.d"
    } 2>/dev/null || return
    pl_p "$$$pl_nl" >"$pl_lf.d/pid"
  fi
}
# pl_lock NUMBER: waits pl_wait seconds at most.
pl_lock() {
  [ -z "$pl_locked" ] || return 0
  pl_lockfile
  [ -n "$pl_lf" ] || return 0
  pl_flock=
  if pl_has flock && ( : >>"$pl_lf" ) 2>/dev/null; then pl_flock=1; exec 9>>"$pl_lf"
  elif ! ( [ -d "$pl_lf.d" ] || { mkdir "$pl_lf.d" && rmdir "$pl_lf.d"; } ) 2>/dev/null; then return 0
  fi
  pl_i=0
  until pl_take; do
    pl_go || { [ -z "$pl_flock" ] || exec 9>&-; return 1; }
    if [ $pl_i -ge "$pl_wait" ]; then
      pl_x=
      [ ! -r "$pl_lf" ] || read -r pl_x <"$pl_lf"
      [ ! -r "$pl_lf.d/pid" ] || read -r pl_x <"$pl_lf.d/pid"
      [ -z "$pl_flock" ] || exec 9>&-
      pl_fail "$1" 73 "another run is changing this host ($pl_x)"
      return 1
    fi
    sleep 1
    pl_i=$((pl_i+1))
  done
  pl_locked=1
}
pl_unlock() {
  [ -n "$pl_locked" ] || return 0
  pl_locked=
  if [ -n "$pl_flock" ]; then exec 9>&-; else rm -rf -- "$pl_lf.d"; fi
}

# pl_in NUMBER PATH: enters its directory, so that everything after is relative to what was entered,
# whatever happens to the names above. As root, links of other users on the way are not followed
# unless they lead to what is that user's anyway.
pl_in() {
  pl_dn=${2%/*} pl_b=./${2##*/}
  [ -n "$pl_dn" ] || pl_dn=/
  cd -P -- "$pl_dn" 2>/dev/null || {
    if [ ! -e "$pl_dn" ]; then pl_why="No such file or directory"
    elif [ ! -d "$pl_dn" ]; then pl_why="Not a directory"
    else pl_why="Permission denied"
    fi
    pl_fail "$1" 1 "cannot enter $pl_dn: $pl_why"
    return 1
  }
  if [ -n "$pl_root" ] && [ "$PWD" != "$pl_dn" ]; then
    pl_trust "$pl_dn" && [ "$(cd -P -- "$pl_dn" && pwd -P)" = "$PWD" ] || {
      pl_fail "$1" 72 "$pl_dn leads through another user's symbolic link ($pl_c): not followed"
      return 1
    }
  fi
}
pl_trust() {
  IFS=/; set -f; set -- $1; set +f; IFS=" 	$pl_nl"
  pl_c=
  for pl_x; do
    [ -n "$pl_x" ] || continue
    pl_c=$pl_c/$pl_x
    [ -L "$pl_c" ] || continue
    pl_y=$(stat -c %u -- "$pl_c")
    [ "$pl_y" = 0 ] || [ "$pl_y" = "$(stat -L -c %u -- "$pl_c" 2>/dev/null)" ] || return 1
  done
}
# pl_follow NUMBER: pd becomes what it leads to.
pl_follow() {
  [ -L "$pd" ] || return 0
  if [ -n "$pl_root" ] && ! pl_trust "$pd"; then
    pl_fail "$1" 72 "$pd is another user's symbolic link to what is not that user's: not followed"
    return 1
  fi
  pl_x=$(readlink -f -- "$pd"; pl_p x); pl_x=${pl_x%x}; pl_x=${pl_x%"$pl_nl"}
  [ -n "$pl_x" ] || { pl_fail "$1" 1 "$pd: a symbolic link that leads nowhere"; return 1; }
  pd=$pl_x
}

# pl_was NUMBER: whether what is there is still of the kind that was seen (pb).
pl_was() {
  case $pb in
    -) [ ! -e "$pl_b" ] && [ ! -L "$pl_b" ] && return 0; pl_x="it exists now" ;;
    f) [ -f "$pl_b" ] && [ ! -L "$pl_b" ] && return 0; pl_x="it is no regular file any more" ;;
    d) [ -d "$pl_b" ] && [ ! -L "$pl_b" ] && return 0; pl_x="it is no directory any more" ;;
    l) [ -L "$pl_b" ] && return 0; pl_x="it is no symbolic link any more" ;;
    o) [ -e "$pl_b" ] && return 0; pl_x="it is gone" ;;
    *) return 0 ;;
  esac
  pl_fail "$1" 70 "$pd changed meanwhile: $pl_x"
}
# Why bytes did not get to disk: the tool's words, or the file system that is full.
pl_full() {
  pl_x=$(df -Pk . 2>/dev/null); pl_x=${pl_x##*"$pl_nl"}
  set -f; set -- $pl_x; set +f
  case ${4-} in
    ''|*[!0-9]*) ;;
    *) [ "$4" -gt 64 ] || { pl_p "no space left on $1 (mounted on $6)"; return; } ;;
  esac
  pl_x=$(df -Pi . 2>/dev/null); pl_x=${pl_x##*"$pl_nl"}
  set -f; set -- $pl_x; set +f
  case ${4-}:${2-} in
    0:[1-9]*) pl_p "no inodes left on $1 (mounted on $6)"; return ;;
  esac
  return 1
}
pl_cannot() { # NUMBER WHAT
  umask 077; set +C
  pl_why=$({ : >>"$pl_t"; } 2>&1); pl_why=${pl_why##*: }
  pl_why=$(pl_full) || pl_why=${pl_why:-$(pl_words touch -- "$pl_t")}
  pl_fail "$1" 74 "cannot write $pd: ${pl_why:-failed}"
}
pl_fsync() {
  case $pl_sync in
    '') if pl_has fsync; then pl_sync=fsync
        else case $(sync --help 2>&1) in *' -d'*) pl_sync=sync ;; *) pl_sync=: ;; esac
        fi ;;
  esac
  [ $pl_sync = : ] || $pl_sync "$@" 2>/dev/null
  return 0
}
# Compare and swap: the bytes of the temporary file are whole, those of the target still the old ones.
pl_same() {
  pl_h2=$pbh
  case $pb$px in
    f*n*)
      pl_h1=$(sha256sum <"$pl_t") pl_h2=$(sha256sum <"$pl_b")
      pl_h1=${pl_h1%% *} pl_h2=${pl_h2%% *} ;;
    f*)
      if [ -n "$pbh" ]; then
        pl_x=$(sha256sum -- "$pl_t" "$pl_b" 2>/dev/null)
        pl_h2=${pl_x##*"$pl_nl"}; pl_h2=${pl_h2%% *}; pl_h2=${pl_h2#\\}
      else pl_x=$(sha256sum -- "$pl_t" 2>/dev/null)
      fi
      pl_h1=${pl_x%% *}; pl_h1=${pl_h1#\\} ;;
    *) pl_h1=$(sha256sum <"$pl_t" 2>/dev/null); pl_h1=${pl_h1%% *} ;;
  esac
  pl_x=
  [ -z "$pbm" ] || pl_x=$(stat -c %a:%u:%g -- "$pl_b" 2>/dev/null)
  pl_equal "$1" "$pl_x"
}
pl_equal() { # NUMBER MODE:UID:GID
  : "${ph:=$pl_h1}"
  [ -n "$ph" ] && [ "$pl_h1" = "$ph" ] || { pl_cannot "$1"; return 1; }
  [ -z "$pbh" ] || [ "$pl_h2" = "$pbh" ] || {
    pl_fail "$1" 70 "$pd changed meanwhile: its content is not what was seen"
    return 1
  }
  [ "$2" = "$pbm" ] || {
    pl_fail "$1" 70 "$pd changed meanwhile: its mode or owner is not what was seen"
    return 1
  }
}
# Whether the old file was written to since the new one was made. Times are as coarse as the kernel's
# tick: what was written within the same one is no older, and may be newer.
pl_newer() {
  case $pb in
    f*) [ -f "$pl_b" ] && [ ! "$pl_b" -ot "$pl_t" ] ;;
    *) [ "$pl_b" -nt "$pl_t" ] ;;
  esac
}
# So the new file is made later than the old one, unless that one's time lies in the future (pl_nt=1:
# its time tells nothing).
pl_dated() {
  pl_nt=0 pl_k=0
  while pl_newer; do
    pl_k=$((pl_k+1))
    [ $pl_k -lt 16 ] && [ ! "$pl_b" -nt "$pl_t" ] || { pl_nt=1; return; }
    touch -- "$pl_t" 2>/dev/null || { pl_nt=1; return; }
  done
}
# What the old file had besides bytes, mode and owner.
pl_labels() {
  if [ "$pb" = f ] && pl_has setfacl; then
    case $(ls -ld -- "$pl_b" 2>/dev/null) in
      ??????????+*) getfacl -p -- "$pl_b" 2>/dev/null | setfacl --set-file=- -- "$pl_t" ; pc=1 ;;
    esac
  fi
  [ -z "$pl_selinux" ] || [ "$pb" != f ] || chcon --reference="$pl_b" -- "$pl_t" 2>/dev/null
}
# pl_own NUMBER NAME: owner first, because it takes setuid away; then the mode.
pl_own() {
  if [ -n "$pw" ] || [ -g . ]; then
    pl_x=$(chown -h -- "$po" "$2" 2>&1) || { pl_fail "$1" 1 "cannot give $pd to $po: ${pl_x##*: }"; return 1; }
    pc=1
  fi
  [ -z "$pc" ] || {
    pl_x=$(chmod -- "$pm" "$2" 2>&1) || { pl_fail "$1" 1 "cannot set mode $pm of $pd: ${pl_x##*: }"; return 1; }
  }
}
# Rename that never moves into a directory: pl_mv FROM TO.
pl_mv() {
  if [ -d "$2" ] && [ -L "$2" ]; then
    mv -f -T -- "$1" "$2" 2>/dev/null || { rm -f -- "$2" && mv -f -- "$1" "$2"; }
  else mv -f -- "$1" "$2"
  fi
}
# What a run left that was killed between sending a file and its script: ours by name and owner, and so
# old that no run can still mean to use it. Looking costs no process.
pl_stale() {
  pl_k=0
  for pl_x in ./.*.palisade.[0-9a-f]*; do
    case $pl_x in *"$pl_tok"*) continue ;; esac
    [ -f "$pl_x" ] && [ ! -L "$pl_x" ] && [ -O "$pl_x" ] || continue
    pl_y=${pl_x##*.palisade.}
    case $pl_y in *[!0-9a-f]*) continue ;; esac
    [ ${#pl_y} -ge 32 ] || continue
    # What is known to be of a run that is dead is no use to anybody, however young.
    pl_z=${pl_y#????????????????????????????????}
    case " ${pl_dead-} " in *" ${pl_y%"$pl_z"} "*) rm -f -- "$pl_x"; continue ;; esac
    pl_k=$((pl_k+1)); [ $pl_k -lt 5 ] || break
    find "$pl_x" -prune -type f -mmin +@STALE@ -exec rm -f -- {} + 2>/dev/null
  done
}
# pl_put NUMBER KIND BYTES: the one way a file gets its bytes. Reads pd path, pt temporary name, ph
# digest, pm mode, pu umask that gives it, po owner:group, pw whether to chown, pc whether to chmod,
# pb pbh pbm what was there, pa whether pl_mark follows, px flags (t follow, u unsafe writes, n odd name), pk backup, pv validator.
pl_put() {
  pl_go || return 0
  pl_lock "$1" || return 0
  case $px in *t*) pl_follow "$1" || return 0 ;; esac
  pl_in "$1" "$pd" || return 0
  pl_was "$1" || return 0
  [ "$PWD" = "$pl_sd" ] || { pl_sd=$PWD; pl_stale; }
  pl_t=./$pt pl_tmp=$PWD/$pt pl_pwd=$PWD pl_ip=
  if [ "$2" = f ]; then
    [ -f "$pl_t" ] || for pl_x in /var/tmp /tmp /dev/shm "$HOME"; do
      [ ! -f "$pl_x/$3" ] || [ ! -O "$pl_x/$3" ] || { mv -f -- "$pl_x/$3" "$pl_t" 2>/dev/null; break; }
    done
    pc=1
  else
    umask $pu; set -C
    pl_bytes "$2" "$3" 2>/dev/null || pl_beside "$1" "$2" "$3" || return 0
    umask 077; set +C
  fi
  pl_dated
  pl_labels
  pl_own "$1" "$pl_t" || return 0
  # What needs nothing more by itself goes on together with its neighbours.
  case $pv$pl_ip$pa$px in
    # (For these the group before them is already in place.)
    *1*|*[nu]*) ;;
    *)
      pl_gn=$((pl_gn+1)) pl_tmp=
      eval "pl_gx$pl_gn=\$1 pl_gd$pl_gn=\$PWD pl_gt$pl_gn=\$pt pl_gb$pl_gn=\${pl_b#./}"
      eval "pl_gh$pl_gn=\$ph pl_gk$pl_gn=\$pb pl_gy$pl_gn=\$pbh pl_gm$pl_gn=\$pbm pl_gq$pl_gn=\$pk"
      eval "pl_gf$pl_gn=\$px pl_gn$pl_gn=\$pl_nt pl_go$pl_gn=\$po,\$pm,\$pw,\$pc pl_gp$pl_gn=\$pd"
      cd /
      [ $pl_gn -lt 16 ] || pl_commit
      return 0 ;;
  esac
  pl_fsync "$pl_t"
  pl_same "$1" || return 0
  if [ -n "$pv" ]; then
    pl_x=$( ( pl_login; pl_v ) </dev/null 2>&1 9>&- ) || {
      pl_fail "$1" 71 "$pl_x"
      return 0
    }
    pl_was "$1" && pl_same "$1" || return 0
  fi
  pl_finish "$1"
}
# pl_finish NUMBER: the new file is whole and what was there is what was seen: into place with it.
pl_finish() {
  if [ -n "$pk" ] && [ "$pb" = f ]; then
    case $pk in /*) ;; *) pk=./$pk ;; esac
    pl_x=$(cp -p -- "$pl_b" "$pk" 2>&1) || { pl_fail "$1" 1 "cannot back $pd up: ${pl_x##*: }"; return 0; }
  fi
  if [ $pl_nt = 0 ] && pl_newer; then
    pl_fail "$1" 70 "$pd changed meanwhile: it was written to"
    return 0
  fi
  pl_was "$1" || return 0
  pl_x=
  if [ -n "$pl_ip" ]; then :
  elif [ -d "$pl_b" ]; then pl_x=$(pl_mv "$pl_t" "$pl_b" 2>&1) || pl_ip=2
  else pl_x=$(mv -f -- "$pl_t" "$pl_b" 2>&1) || pl_ip=2
  fi
  case $pl_ip$px in
    [12]*u*) pl_inplace && pl_own "$1" "$pl_b" || {
        [ $pl_ok = 0 ] || pl_fail "$1" 1 "cannot write $pd in place"
        return 0
      } ;;
    2*) pl_fail "$1" 1 "cannot put $pd in place: ${pl_x##*: }"; return 0 ;;
  esac
  pl_tmp=
  [ -z "$pl_selinux" ] || [ "$pb" = f ] || restorecon -- "$pl_b" 2>/dev/null
  [ -z "$pa" ] || pl_x=$(pl_mark 2>&1) || { pl_fail "$1" 1 "cannot mark $pd: ${pl_x##*: }"; return 0; }
  pl_dirty=$((pl_dirty+1))
  eval "pl_dp$pl_dirty=\$PWD/\${pl_b#./} pl_dh$pl_dirty=\$ph pl_di$pl_dirty=\$1 pl_dd$pl_dirty=\$PWD"
  cd /
  pl_r "$1" 0 ''
}
# pl_commit: the files of a group, verified and flushed by one process each for all, put in place one
# after the other. The directory of each is entered again: it is the same one, or the temporary file
# is not in it.
pl_commit() {
  [ $pl_gn != 0 ] || return 0
  pl_ing=1 pl_i=0 pl_a= pl_k= pl_j= pl_m1=0 pl_m2=0
  while [ $pl_i -lt $pl_gn ]; do
    pl_i=$((pl_i+1))
    pl_a="$pl_a \"\$pl_gd$pl_i/\$pl_gt$pl_i\"" pl_k="$pl_k \"\$pl_gd$pl_i/\$pl_gt$pl_i\"" pl_m1=$((pl_m1+1))
    eval "pl_x=\$pl_gy$pl_i pl_y=\$pl_gm$pl_i"
    [ -z "$pl_x" ] || pl_a="$pl_a \"\$pl_gd$pl_i/\$pl_gb$pl_i\"" pl_m1=$((pl_m1+1))
    [ -z "$pl_y" ] || pl_j="$pl_j \"\$pl_gd$pl_i/\$pl_gb$pl_i\"" pl_m2=$((pl_m2+1))
  done
  pl_fsync_all
  eval "pl_sums=\$(sha256sum -- $pl_a 2>/dev/null)"
  pl_mods=
  [ -z "$pl_j" ] || eval "pl_mods=\$(stat -c %a:%u:%g -- $pl_j 2>/dev/null)"
  pl_one=
  pl_lines "$pl_sums"; [ $pl_c = $pl_m1 ] || pl_one=1
  pl_lines "$pl_mods"; [ $pl_c = $pl_m2 ] || pl_one=1
  pl_gi=0
  while [ $pl_gi -lt $pl_gn ]; do
    pl_gi=$((pl_gi+1))
    eval "pl_gx=\$pl_gx$pl_gi pl_pwd=\$pl_gd$pl_gi pt=\$pl_gt$pl_gi pl_b=./\$pl_gb$pl_gi ph=\$pl_gh$pl_gi"
    eval "pb=\$pl_gk$pl_gi pbh=\$pl_gy$pl_gi pbm=\$pl_gm$pl_gi pk=\$pl_gq$pl_gi px=\$pl_gf$pl_gi"
    eval "pl_nt=\$pl_gn$pl_gi pl_x=\$pl_go$pl_gi pd=\$pl_gp$pl_gi"
    po=${pl_x%%,*}; pl_x=${pl_x#*,}; pm=${pl_x%%,*}; pl_x=${pl_x#*,}; pw=${pl_x%,*} pc=${pl_x#*,}
    pl_t=./$pt pl_tmp=$pl_pwd/$pt pl_ip= pa= pv=
    pl_go || { rm -f -- "$pl_tmp"; pl_tmp=; continue; }
    cd -P -- "$pl_pwd" 2>/dev/null && [ "$PWD" = "$pl_pwd" ] && [ -f "$pl_t" ] || {
      pl_fail $pl_gx 70 "$pd changed meanwhile: its directory is another one"
      continue
    }
    if [ -n "$pl_one" ]; then pl_same $pl_gx || continue
    else
      pl_h1=${pl_sums%% *}; pl_h1=${pl_h1#\\}; pl_sums=${pl_sums#*"$pl_nl"} pl_h2=$pbh pl_x=$pbm
      [ -z "$pbh" ] || { pl_h2=${pl_sums%% *}; pl_h2=${pl_h2#\\}; pl_sums=${pl_sums#*"$pl_nl"}; }
      [ -z "$pbm" ] || { pl_x=${pl_mods%%"$pl_nl"*}; pl_mods=${pl_mods#*"$pl_nl"}; }
      pl_equal $pl_gx "$pl_x" || continue
    fi
    pl_finish $pl_gx
  done
  pl_gn=0 pl_ing=
  cd /
}
pl_fsync_all() { eval "pl_fsync $pl_k"; }
pl_bytes() {
  case $1 in
    q) pl_p "$2" >"$pl_t" ;;
    o) printf "$2" >"$pl_t" ;;
    e) pl_p "$2" | pl_dec >"$pl_t" ;;
    c) cat -- "$2" >"$pl_t" ;;
  esac
}
# No temporary file could be made: a task that allows unsafe writes goes through a private one.
pl_beside() {
  case $px$pb in
    *u*f)
      if [ ! -e "$pl_t" ] && [ -w "$pl_b" ] && pl_private; then
        pl_t=$pl_dir/put pl_tmp=$pl_dir/put pl_ip=1
        rm -f -- "$pl_t"
        ! pl_bytes "$2" "$3" 2>/dev/null || return 0
      fi ;;
  esac
  pl_cannot "$1"
}
# Bytes into what is there, keeping its inode: torn if it is interrupted, so only where asked for.
pl_inplace() {
  [ -f "$pl_b" ] && [ ! -L "$pl_b" ] && cat -- "$pl_t" >"$pl_b" || return 1
  rm -f -- "$pl_t"
} 2>/dev/null
# pl_flush NUMBER: reads back what was written since the last one; directories get to disk.
pl_flush() {
  pl_commit
  [ $pl_dirty != 0 ] || { pl_r "$1" 0 ''; return 0; }
  pl_i=0 pl_a= pl_k= pl_bad= pl_last=
  while [ $pl_i -lt $pl_dirty ]; do
    pl_i=$((pl_i+1)); pl_a="$pl_a \"\$pl_dp$pl_i\""
    eval "pl_x=\$pl_dd$pl_i"
    [ "$pl_x" = "$pl_last" ] || { pl_last=$pl_x pl_k="$pl_k \"\$pl_dd$pl_i\""; }
  done
  eval "pl_fsync $pl_k"
  eval "pl_y=\$(sha256sum -- $pl_a 2>/dev/null)"
  pl_lines "$pl_y"
  pl_n=$pl_c pl_i=0
  while [ $pl_i -lt $pl_dirty ]; do
    pl_i=$((pl_i+1))
    eval "pl_h1=\$pl_dh$pl_i pl_x=\$pl_dp$pl_i"
    if [ $pl_n = $pl_dirty ]; then pl_h2=${pl_y%%"$pl_nl"*}; pl_y=${pl_y#*"$pl_nl"}
    else pl_h2=$(sha256sum <"$pl_x" 2>/dev/null)
    fi
    pl_h2=${pl_h2%% *}
    [ "${pl_h2#\\}" = "$pl_h1" ] || eval "pl_bad=\"\$pl_bad \$pl_di$pl_i\""
  done
  pl_dirty=0
  [ -z "$pl_bad" ] || pl_ok=0
  pl_r "$1" 0 "${pl_bad# }"
}
# pl_path NUMBER: makes a path otherwise than by writing bytes; the work is in pl_m, in its directory.
pl_file() {
  pl_go || return 0
  pl_lock "$1" || return 0
  case $px in *t*) pl_follow "$1" || return 0 ;; esac
  pl_in "$1" "$pd" || return 0
  pl_was "$1" || return 0
  pl_t=./$pt
  if pl_private; then pl_m "$1" 2>"$pl_dir/m"; pl_s=$?
  else pl_x=$( { pl_m "$1"; } 2>&1 ); pl_s=$?
  fi
  [ $pl_ok = 1 ] || return 0
  if [ $pl_s != 0 ]; then
    case $pl_x in "$pl_nl$pl_soh"*) pl_ok=0; cd /; pl_p "$pl_x"; return 0 ;; esac
    [ -z "$pl_dir" ] || IFS= read -r pl_x <"$pl_dir/m"
    pl_fail "$1" $pl_s "${pl_x##*: }"
    return 0
  fi
  pl_tmp=
  cd /
  pl_r "$1" 0 ''
}
# pl_do NUMBER: a tool changes something; the work is in pl_m. Two records: stdout, stderr.
pl_do() {
  pl_commit
  pl_go || return 0
  pl_lock "$1" || { pl_r $(($1+1)) 73 ''; return 0; }
  pl_e=
  if pl_private; then
    pl_watch
    ( umask "$pl_umask"; pl_m ) >"$pl_dir/o$1" 2>"$pl_dir/e$1" 9>&-; pl_s=$?
    pl_head "$pl_dir/e$1"; pl_e=$pl_v
    pl_head "$pl_dir/o$1"
    ! pl_flood || pl_e="it printed more than @ENDLESS_MIB@ MiB, and was ended$pl_nl$pl_e"
  else
    pl_v=$( ( umask "$pl_umask"; pl_m ) 2>&1 9>&- ); pl_s=$?
  fi
  [ $pl_s = 0 ] || pl_ok=0
  pl_r "$1" $pl_s "$pl_v"
  pl_r $(($1+1)) $pl_s "$pl_e"
}
# pl_head FILE: its beginning into pl_v. Tools print little; what they print beyond this is of no use.
pl_head() {
  pl_v=
  [ -s "$1" ] || return 0
  pl_k=1048576
  [ $pl_left -ge $pl_k ] || pl_k=1024
  pl_v=$(head -c $pl_k -- "$1"; pl_p x); pl_v=${pl_v%x}
  pl_left=$((pl_left-${#pl_v}))
}
