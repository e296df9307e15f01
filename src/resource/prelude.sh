# What every script of ours may rely on. POSIX sh: dash, bash, busybox ash, ksh, mksh, zsh as sh.
# `@NONCE@` and `@SOH@` are filled in before it is sent. Lines that begin with # are not sent.

pl_nonce=@NONCE@ pl_soh='@SOH@' pl_nl='
'
# The login's own surroundings, given back to the user's commands.
pl_path=${PATH-} pl_cwd=${PWD-/} pl_umask=$(umask)
pl_lcall=${LC_ALL-} pl_lcset=${LC_ALL+x} pl_env0=${ENV-} pl_bashenv=${BASH_ENV-} pl_cdpath=${CDPATH-}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
unset CDPATH ENV BASH_ENV
unalias -a 2>/dev/null
set +e +u +x +v +C
IFS=' 	
'
umask 077
cd /
pl_dir= pl_tmp= pl_locked= pl_gn=0 pl_stop= pl_u= pl_max= pl_sum=

# Bytes to stdout by a builtin, so that they stand on no command line.
pl_p() { printf %s "$1"; }
case ${KSH_VERSION-} in *MIRBSD*|*'PD KSH'*) pl_p() { print -rn -- "$1"; } ;; esac
# pl_r NUMBER STATUS TEXT: a record. The length is in bytes because of LC_ALL=C.
pl_r() { pl_p "$pl_nl$pl_soh$1 $2 ${#3}$pl_nl$3"; }
# pl_end SEQUENCE STATUS: the trailer of a request.
pl_end() { pl_p "$pl_nl${pl_soh}END $pl_nonce $1 $2$pl_nl"; }
pl_bye() {
  [ -z "${pl_wp-}" ] || kill -KILL $pl_wp 2>/dev/null
  while [ $pl_gn != 0 ]; do eval "rm -f -- \"\$pl_gd$pl_gn/\$pl_gt$pl_gn\""; pl_gn=$((pl_gn-1)); done
  [ -z "$pl_tmp" ] || rm -f -- "$pl_tmp"
  [ -z "$pl_dir" ] || rm -rf -- "$pl_dir"
}
trap pl_bye EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
# No further step is begun; the one under way comes to its end.
trap 'pl_stop=1 pl_u=1' USR1
# Whether there is another step: none after a failure, or when the run was stopped.
pl_go() { [ -z "$pl_stop" ] || pl_ok=0; [ $pl_ok = 1 ]; }

pl_has() { command -v "$1" >/dev/null 2>&1; }
pl_has sha256sum || {
  if pl_has openssl; then
    sha256sum() { for pl_f; do pl_h=$(openssl dgst -sha256 -r "$pl_f") && pl_p "${pl_h%% *}  $pl_f$pl_nl"; done; }
  elif pl_has busybox; then sha256sum() { busybox sha256sum "$@"; }
  fi
}
pl_tools=
for pl_t in base64 od sha256sum sha1sum stat readlink timeout setsid flock fsync sync setfacl \
  openssl file lsattr find systemctl rc-service sysctl apt-get dnf yum apk sudo su doas bash; do
  ! pl_has $pl_t || pl_tools="$pl_tools $pl_t"
done
# Bytes to text, `… | $pl_ecmd`: base64, or hexadecimal where there is none. pl_ec says which.
if pl_has base64; then pl_ec=b pl_ecmd=base64
elif pl_has openssl; then pl_ec=b pl_ecmd="openssl base64"
else pl_ec=x pl_ecmd="od -An -v -tx1"
fi
if pl_has base64; then pl_dec() { base64 -d; }
else pl_dec() { openssl base64 -d; }
fi
pl_kernel=
[ ! -r /proc/sys/kernel/osrelease ] || read -r pl_kernel </proc/sys/kernel/osrelease
pl_selinux=
[ ! -e /sys/fs/selinux/enforce ] || pl_selinux=1
pl_id=$(id 2>/dev/null)
case $pl_id in uid=0\(*) pl_root=1 ;; *) pl_root= ;; esac
[ -n "${HOME-}" ] || { HOME=/; pl_u=${pl_id#uid=}; pl_u=${pl_u%%\(*}
  while IFS=: read -r _ _ pl_x _ _ pl_h _; do
    [ "$pl_x" != "$pl_u" ] || { HOME=$pl_h; break; }
  done </etc/passwd
  export HOME; } 2>/dev/null

# pl_f N FLAGS PATH…: what paths are. FLAGS: t follow links, d sha256, c contents, x further ones.
# Answers N: one letter group a path; N+1: stat lines; N+2: link targets; N+3: digests; N+4: sizes;
# N+5: contents joined, encoded.
pl_fmt='%f:%u:%U:%g:%G:%s:%i:%d:%h:%.9X:%.9Y:%.9Z:%b:%o:%t:%T'
pl_cnt() { pl_c=$#; }
pl_lines() { set -f; IFS=$pl_nl; pl_cnt $1; IFS=" 	$pl_nl"; set +f; }
# A path that seems missing may only be hidden: is the nearest directory above it searchable?
pl_hidden() {
  pl_h=$1
  while :; do
    case $pl_h in */*) pl_h=${pl_h%/*} ;; *) return 1 ;; esac
    [ -n "$pl_h" ] || return 1
    ! [ -d "$pl_h" ] || { [ ! -x "$pl_h" ]; return; }
  done
}
pl_f() {
  pl_n=$1 pl_w=$2; shift 2
  pl_L=; case $pl_w in *t*) pl_L=-L ;; esac
  pl_i=0 pl_fl= pl_all= pl_reg= pl_lnk= pl_ne=0 pl_nr=0
  for pl_q; do
    pl_i=$((pl_i+1))
    if [ -L "$pl_q" ] && { [ -z "$pl_L" ] || [ ! -e "$pl_q" ]; }; then
      if [ -z "$pl_L" ]; then
        pl_o=l
        [ ! -r "$pl_q" ] || pl_o=${pl_o}r
        [ ! -w "$pl_q" ] || pl_o=${pl_o}w
        [ ! -x "$pl_q" ] || pl_o=${pl_o}x
        pl_fl="${pl_fl}$pl_o," pl_all="$pl_all \"\${$pl_i}\"" pl_ne=$((pl_ne+1)) pl_lnk="$pl_lnk $pl_i"
      else pl_fl="${pl_fl}-,"
      fi
      continue
    fi
    if [ ! -e "$pl_q" ]; then
      if [ -z "$pl_root" ] && pl_hidden "$pl_q"; then pl_fl="$pl_fl!,"; else pl_fl="${pl_fl}-,"; fi
      continue
    fi
    pl_all="$pl_all \"\${$pl_i}\"" pl_ne=$((pl_ne+1))
    if [ -f "$pl_q" ]; then pl_o=f; else pl_o=o; fi
    if [ -r "$pl_q" ]; then
      [ $pl_o = o ] || { pl_reg="$pl_reg \"\${$pl_i}\"" pl_nr=$((pl_nr+1)); }
      pl_o=${pl_o}r
    fi
    [ ! -w "$pl_q" ] || pl_o=${pl_o}w
    [ ! -x "$pl_q" ] || pl_o=${pl_o}x
    pl_fl=$pl_fl$pl_o,
  done
  pl_r $pl_n 0 "$pl_fl"
  pl_s=
  if [ $pl_ne != 0 ]; then
    eval "pl_s=\$(stat $pl_L -c '$pl_fmt' -- $pl_all 2>/dev/null)"
    pl_lines "$pl_s"
    if [ $pl_c != $pl_ne ]; then
      pl_s=
      for pl_q; do
        pl_o=$(stat $pl_L -c "$pl_fmt" -- "$pl_q" 2>/dev/null) || pl_o=-
        pl_s=$pl_s$pl_o$pl_nl
      done
    fi
  fi
  pl_r $((pl_n+1)) $((pl_c-pl_ne)) "$pl_s"
  pl_s=
  for pl_i in $pl_lnk; do
    eval "pl_q=\${$pl_i}"
    pl_o=$(readlink -n -- "$pl_q"; pl_p x); pl_o=${pl_o%x}
    pl_s="$pl_s${#pl_o} $pl_o"
    # A shell that keeps the way it went by does not say where that is.
    if [ -d "$pl_q" ] && cd -P -- "$pl_q" 2>/dev/null && [ "$PWD" != "$pl_q" ]; then pl_o=$PWD
    else pl_o=$(readlink -f -- "$pl_q"; pl_p x); pl_o=${pl_o%x}; pl_o=${pl_o%"$pl_nl"}
    fi
    cd /
    pl_s="$pl_s${#pl_o} $pl_o"
  done
  pl_r $((pl_n+2)) 0 "$pl_s"
  pl_s=
  case $pl_nr:$pl_w in
    0:*) ;;
    *d*)
      eval "pl_s=\$(sha256sum -- $pl_reg 2>/dev/null)"
      pl_lines "$pl_s"
      if [ $pl_c != $pl_nr ]; then
        pl_s=
        for pl_i in $pl_reg; do
          eval "pl_q=$pl_i"
          pl_o=$(sha256sum <"$pl_q" 2>/dev/null) || pl_o=-
          pl_s="$pl_s${pl_o%% *}$pl_nl"
        done
      fi ;;
  esac
  pl_r $((pl_n+3)) 0 "$pl_s"
  case $pl_w in
    *c*) pl_content $((pl_n+4)) "$@"; pl_n=$((pl_n-4)) ;;
    *x*) pl_r $((pl_n+4)) 0 ""; pl_r $((pl_n+5)) 0 "" ;;
  esac
  case $pl_w in *x*) pl_extra $((pl_n+6)) "$@" ;; esac
}
# Contents of all regular files within the limit through one cat and one encoder; the sizes tell
# them apart, their digests prove it. What has no true size (proc, sys) goes alone.
pl_content() {
  pl_n=$1; shift
  pl_s= pl_j= pl_v=
  if [ $pl_nr != 0 ]; then
    eval "pl_z=\$(stat -L -c %s -- $pl_reg 2>/dev/null)"
    pl_i=0
    for pl_o in $pl_reg; do
      pl_i=$((pl_i+1)); pl_k=${pl_z%%"$pl_nl"*}; pl_z=${pl_z#*"$pl_nl"}
      eval "pl_q=$pl_o"
      case $pl_k in
        ''|*[!0-9]*) pl_s="$pl_s- " ; continue ;;
      esac
      pl_x=
      case $pl_q in
        /proc/*|/sys/*) pl_k=0 ;;
        *) [ "$pl_k" != 0 ] || { IFS= read -r pl_x <"$pl_q"; } 2>/dev/null || [ -n "$pl_x" ] || pl_k= ;;
      esac
      if [ -z "$pl_k" ]; then pl_s="$pl_s=0 "
      elif [ "$pl_k" = 0 ]; then
        pl_x=$(head -c @LIMIT1@ -- "$pl_q" 2>/dev/null | $pl_ecmd)
        pl_s="$pl_s=${#pl_x} " pl_v=$pl_v$pl_x
      elif [ "$pl_k" -le "${pl_max:-@LIMIT@}" ] && pl_left; then pl_s="$pl_s$pl_k " pl_j="$pl_j $pl_o"
      else pl_s="$pl_s- "
      fi
    done
  fi
  pl_r $pl_n 0 "$pl_ec $pl_s$pl_nl$pl_v"
  pl_v=
  [ -z "$pl_j" ] || eval "pl_v=\$(cat -- $pl_j 2>/dev/null | $pl_ecmd)"
  pl_r $((pl_n+1)) 0 "$pl_v"
}
# Whether a file of pl_k bytes still fits into what may be read, where pl_sum says how much that is.
pl_left() {
  [ -n "$pl_sum" ] || return 0
  [ "$pl_k" -le "$pl_sum" ] && pl_sum=$((pl_sum-pl_k))
}
# What few ask for, a process each: MIME type, attributes, context, other digests.
pl_extra() {
  pl_n=$1; shift
  pl_s=
  for pl_q; do
    for pl_o in 1 2 5 S T F M C; do
      case $pl_w in *$pl_o*) ;; *) continue ;; esac
      case $pl_o in [125ST]) [ -f "$pl_q" ] && [ -r "$pl_q" ] || { pl_s="$pl_s- "; continue; } ;; esac
      case $pl_o in
        1) pl_x=$(sha1sum <"$pl_q") ;;
        2) pl_x=$(sha224sum <"$pl_q") ;;
        5) pl_x=$(md5sum <"$pl_q") ;;
        S) pl_x=$(sha512sum <"$pl_q") ;;
        T) pl_x=$(sha384sum <"$pl_q") ;;
        F) pl_x=$(file -b --mime -- "$pl_q"); pl_x=${pl_x%%;*}\;${pl_x##*=} ;;
        M) pl_x=$(lsattr -vd -- "$pl_q"); pl_v=${pl_x#"${pl_x%%[! ]*}"}; pl_a=${pl_v#* }; pl_x=${pl_v%% *},${pl_a%% *} ;;
        C) pl_x=$(stat $pl_L -c %C -- "$pl_q") ;;
      esac 2>/dev/null
      pl_x=${pl_x%% *}
      pl_s="$pl_s${pl_x:--} "
    done
    pl_s=$pl_s$pl_nl
  done
  pl_r $pl_n 0 "$pl_s"
}

# pl_g N PATTERN: the paths it matches, each with its length before it. Builtins only; the pattern is
# expanded as a variable, so nothing else in it means anything.
pl_g() {
  pl_s= pl_i=0 pl_q=$2
  IFS=
  for pl_x in $pl_q; do
    [ -e "$pl_x" ] || [ -L "$pl_x" ] || continue
    pl_s="$pl_s${#pl_x} $pl_x" pl_i=$((pl_i+1))
    [ $pl_i -lt 10000 ] || break
  done
  IFS=" 	$pl_nl"
  pl_r "$1" 0 "$pl_s"
}
# pl_texts N FOLDER PATTERN…: the regular files that patterns match, each path and where it leads with
# their lengths; the folder is empty for a plain path. Added to pl_tl for one pl_f of all.
pl_texts() {
  pl_n=$1 pl_s= pl_i=0 pl_o=0; shift
  while [ $# -gt 1 ]; do
    if [ -n "$pl_root" ]; then :
    elif [ -z "$1" ]; then [ -e "$2" ] || ! pl_hidden "$2" || pl_o=2
    elif [ -d "$1" ]; then { [ -r "$1" ] && [ -x "$1" ]; } || pl_o=2
    else ! pl_hidden "$1" || pl_o=2
    fi
    pl_q=$2; shift 2
    IFS=
    for pl_x in $pl_q; do
      [ -f "$pl_x" ] || continue
      case $pl_x in *"$pl_nl"*) continue ;; esac
      pl_i=$((pl_i+1))
      [ $pl_i -le @FILES@ ] || { pl_o=1; break; }
      pl_y=
      [ ! -L "$pl_x" ] || pl_y=$(readlink -f -- "$pl_x")
      pl_s="$pl_s${#pl_x} $pl_x${#pl_y} $pl_y"
      pl_tn=$((pl_tn+1))
      eval "pl_t$pl_tn=\$pl_x"
      pl_tl="$pl_tl \"\$pl_t$pl_tn\""
    done
    IFS=" 	$pl_nl"
  done
  pl_r "$pl_n" $pl_o "$pl_s"
}
# pl_tree N FLAGS DIR: everything below it. N: what it is; N+1: lines of stat; N+2: of names with newlines
# and of links, with lengths, the name, its line of stat, where it leads; N+3: digests if FLAGS has d.
pl_tree() {
  pl_a= pl_b= pl_k=
  if [ -d "$3" ]; then
    pl_o=d
    [ -r "$3" ] && [ -x "$3" ] || pl_o=!
    pl_a=$(find "$3/" ! -path "*$pl_nl*" -exec stat -c "$pl_fmt:%n" -- {} + 2>/dev/null | head -n @ENTRIES@)
    pl_b=$(find "$3/" \( -type l -o -path "*$pl_nl*" \) -exec sh -c 'for f; do s= t=
      case $f in *"
"*) s=$(stat -c "$0" -- "$f") || continue ;; esac
      [ ! -L "$f" ] || { t=$(readlink -n -- "$f"; printf x); t=${t%x}; }
      printf "%s %s%s %s%s %s" "${#f}" "$f" "${#s}" "$s" "${#t}" "$t"; done' "$pl_fmt" {} + 2>/dev/null; pl_p x)
    case $2 in *d*) pl_k=$(find "$3/" -type f -exec sha256sum -- {} + 2>/dev/null) ;; esac
  elif [ -e "$3" ] || [ -L "$3" ]; then pl_o=o
  elif [ -z "$pl_root" ] && pl_hidden "$3"; then pl_o=!
  else pl_o=-
  fi
  pl_r "$1" 0 $pl_o
  pl_r $(($1+1)) 0 "$pl_a"
  pl_r $(($1+2)) 0 "${pl_b%x}"
  pl_r $(($1+3)) 0 "$pl_k"
}

case $pl_id$HOME in
  *"$pl_nl"*) pl_id= ;;
esac
# Guards that have not ended, and those that put the host back when nobody was there to be told.
pl_x=/var/lib/palisade pl_v=
[ -n "$pl_root" ] || pl_x=$HOME/.local/state/palisade
for pl_q in "$pl_x"/guard/*/armed "$pl_x"/guard/*/reverting "$pl_x"/guard/*/reverted; do
  [ -e "$pl_q" ] && [ ! -e "${pl_q%/*}/told" ] && [ ${#pl_v} -lt 600 ] || continue
  pl_y=${pl_q%/*}
  pl_v="$pl_v ${pl_y##*/}:${pl_q##*/}"
done
pl_b=é
pl_p "$pl_nl${pl_soh}HELLO $pl_nonce id=$pl_id	umask=$pl_umask	home=$HOME	tools=$pl_tools	selinux=$pl_selinux	kernel=$pl_kernel	bytes=${#pl_b}	pid=$$	guards=$pl_v	login=${SUDO_USER:-${DOAS_USER:-${LOGNAME-}}}	shell=${BASH_VERSION:+bash $BASH_VERSION}${ZSH_VERSION:+zsh}${KSH_VERSION:+ksh}$pl_nl"
