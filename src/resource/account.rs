//! Accounts on hosts without a program for them: lines of passwd, group and shadow.
//!
//! Small systems leave out adduser and addgroup. Then functions of these names stand in for them, in
//! so far as `user` and `group` call them: a file is copied, written and renamed, so that whoever reads
//! it meanwhile sees the old or the new one.

/// Defines what is missing. Needs the prelude.
pub(super) const BY_HAND: &str = r#"
pl_new() { pl_o=/etc/.$1.palisade.$$; cp -p "/etc/$1" "$pl_o"; }
pl_put() { mv -f "$pl_o" "/etc/$1"; }
pl_add() { pl_new "$1" && pl_p "$2$pl_nl" >>"$pl_o" && pl_put "$1"; }
pl_free() { pl_i=$1; while grep -q "^[^:]*:[^:]*:$pl_i:" /etc/passwd /etc/group; do pl_i=$((pl_i+1)); done; }
pl_gid() { while IFS=: read -r pl_a pl_b pl_g pl_b; do [ "$pl_a" != "$1" ] || return 0; done </etc/group; return 1; }
pl_has addgroup || addgroup() {
  pl_g= pl_lo=1000
  while :; do case ${1-} in -g) pl_g=$2; shift 2 ;; -S) pl_lo=100; shift ;; *) break ;; esac; done
  if [ $# = 1 ]; then
    [ -n "$pl_g" ] || { pl_free $pl_lo; pl_g=$pl_i; }
    pl_add group "$1:x:$pl_g:"
    return
  fi
  pl_gid "$2" || { echo "there is no group $2"; return 1; }
  pl_new group && while IFS= read -r pl_l || [ -n "$pl_l" ]; do
    case $pl_l in "$2":*:) pl_l=$pl_l$1 ;; "$2":*) pl_l=$pl_l,$1 ;; esac
    pl_p "$pl_l$pl_nl"
  done </etc/group >"$pl_o" && pl_put group
}
pl_has adduser || adduser() {
  pl_u= pl_gr= pl_ge= pl_sh=/bin/sh pl_ho= pl_us=1000
  while :; do case $1 in
    -u) pl_u=$2; shift 2 ;; -G) pl_gr=$2; shift 2 ;; -g) pl_ge=$2; shift 2 ;;
    -s) pl_sh=$2; shift 2 ;; -h) pl_ho=$2; shift 2 ;; -k) shift 2 ;;
    -S) pl_us=100; shift ;; -D|-H) shift ;; *) break ;;
  esac; done
  case $1$pl_ge$pl_sh$pl_ho in *:*) echo "a colon cannot stand in passwd"; return 1 ;; esac
  [ -n "$pl_u" ] || { pl_free $pl_us; pl_u=$pl_i; }
  if [ -n "$pl_gr" ]; then
    case $pl_gr in *[!0-9]*) pl_gid "$pl_gr" || { echo "there is no group $pl_gr"; return 1; } ;; *) pl_g=$pl_gr ;; esac
  elif ! pl_gid "$1"; then pl_free $pl_u; pl_g=$pl_i; pl_add group "$1:x:$pl_g:" || return
  fi
  [ ! -f /etc/shadow ] || pl_add shadow "$1:!:$(($(date +%s)/86400)):0:99999:7:::" || return
  pl_add passwd "$1:x:$pl_u:$pl_g:$pl_ge:${pl_ho:-/home/$1}:$pl_sh"
}
"#;

/// Whether a user or group can be called that. Programs that make accounts differ in what they take,
/// and some take anything; what a shell, a path or a line of passwd would read otherwise is refused.
pub fn is_name(name: &str) -> bool {
    let fine = |c: char| {
        !c.is_control() && !c.is_whitespace() && !":,/;&|`\"'()<>*?[]{}!#%~=$^".contains(c)
    };
    // The accounts of machines end with a dollar.
    let stem = name.strip_suffix('$').unwrap_or(name);
    !stem.is_empty()
        && stem.chars().all(fine)
        && !stem.starts_with(['-', '+', '@'])
        && ![".", ".."].contains(&stem)
}

#[cfg(test)]
mod tests {
    use super::{BY_HAND, is_name};

    #[test]
    fn names_of_accounts_hold_nothing_that_a_shell_or_a_file_would_read() {
        for name in [
            "deploy",
            "_apt",
            "www-data",
            "Ünï",
            "a.b",
            "DOMAIN\\me",
            "me@realm",
            "PC$",
            "1st",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", "-rf", "+x", "$(id)", "a;b", "a b", "a:b", "a\nb", "`id`", "a/b", "..", "~root",
            "a$b", "{a,b}",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn it_is_shell() {
        let mut sh = std::process::Command::new("sh");
        let output = sh.args(["-n", "-c", BY_HAND]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
