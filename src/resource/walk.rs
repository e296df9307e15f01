//! Files anywhere on the host that are as described: all such questions of a script are one walk.
//!
//! Only local file systems are entered, each once; network mounts, virtual file systems, what belongs
//! to containers (whose files are those of their images) and what the guard keeps for a while are not. The walk runs at the lowest
//! priority, and its answer is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::file::FileState;
use super::look::read_stat;
use super::reply::Record;
use super::script::{Script, quote};
use super::tree::TreeState;
use super::{Query, RemotePath, Resource, State};

/// More matches than this are not listed: a person cannot read them, and a host that has them has one
/// cause for all.
pub const MAX_FOUND: usize = 20_000;

/// Which files are looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// Regular files that anyone may write.
    WorldWritable,
    /// Directories that anyone may write, where anyone may remove what is another's.
    OpenDirectory,
    /// Files whose user has no name.
    Unowned,
    /// Files whose group has no name.
    Ungrouped,
    /// Regular files that run as their owner or group.
    Setid,
    /// Files of this name.
    Named(String),
    /// Files and directories at or below this one that not only their owner may write.
    Writable(RemotePath),
    /// Files and directories at or below this one that are not root's.
    Foreign(RemotePath),
}

impl Which {
    /// Whether a file is one of those.
    pub fn holds(&self, path: &RemotePath, file: &FileState) -> bool {
        let nameless = |o: &super::file::Owner| o.name.as_deref().is_none_or(|n| n == "UNKNOWN");
        match self {
            Which::WorldWritable => file.is_file() && file.mode & 0o002 != 0,
            Which::OpenDirectory => file.is_dir() && file.mode & 0o1002 == 0o002,
            Which::Unowned => nameless(&file.owner),
            Which::Ungrouped => nameless(&file.group),
            Which::Setid => file.is_file() && file.mode & 0o6000 != 0,
            Which::Named(name) => path.name() == name && !file.is_dir(),
            Which::Writable(top) => {
                !file.is_link() && file.mode & 0o022 != 0 && path.is_within(top)
            }
            Which::Foreign(top) => file.owner.id.is_some_and(|id| id != 0) && path.is_within(top),
        }
    }

    /// What is cheap to say for `find` of any such file, and of few others.
    fn hint(&self) -> String {
        match self {
            Which::WorldWritable | Which::OpenDirectory => "( ! -type l -perm -0002 )".into(),
            Which::Unowned => "$pl_hu".into(),
            Which::Ungrouped => "$pl_hg".into(),
            Which::Setid => "-perm -4000 -o -perm -2000".into(),
            Which::Named(_) | Which::Writable(_) | Which::Foreign(_) => {
                format!("( {} )", self.test())
            }
        }
    }

    /// The same for `find`.
    fn test(&self) -> String {
        match self {
            Which::WorldWritable => "-type f -perm -0002".into(),
            Which::OpenDirectory => "-type d -perm -0002 ! -perm -1000".into(),
            Which::Unowned => "$pl_nu".into(),
            Which::Ungrouped => "$pl_ng".into(),
            Which::Setid => "-type f ( -perm -4000 -o -perm -2000 )".into(),
            Which::Named(name) => format!("! -type d -name {}", quote(&escaped(name))),
            Which::Writable(top) => {
                format!("! -type l ( -perm -0020 -o -perm -0002 ) {}", below(top))
            }
            Which::Foreign(top) => format!("! -user 0 {}", below(top)),
        }
    }
}

/// The test for a directory and all below.
fn below(top: &RemotePath) -> String {
    let path = escaped(top.as_str());
    let inside = format!("{path}/*");
    format!("( -path {} -o -path {} )", quote(&path), quote(&inside))
}

/// A name in which nothing is a pattern.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if "*?[\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::WorldWritable => write!(f, "world-writable files"),
            Which::OpenDirectory => write!(f, "world-writable directories without sticky bit"),
            Which::Unowned => write!(f, "files without a user"),
            Which::Ungrouped => write!(f, "files without a group"),
            Which::Setid => write!(f, "setuid and setgid files"),
            Which::Named(name) => write!(f, "files named {name}"),
            Which::Writable(top) => {
                write!(f, "files in {top} that others than their owner may write")
            }
            Which::Foreign(top) => write!(f, "files in {top} that are not root's"),
        }
    }
}

/// Mount points to start from (`pl_a`), one `find` for all. A file system that is mounted twice, and
/// a part of one that is mounted elsewhere too, is entered where it comes first. A newline in a name is
/// sent as \001. The first place is named and asked about too: where it is not found, `find` did not
/// do what it should, and nothing it did not find means anything. (In parentheses, busybox's never
/// carries out an `-exec` that ends in a plus.) Whoever is in the
/// files of accounts is known without asking the name service, which `find` would do for every file;
/// busybox knows no -nouser: there, whoever is in no file is nobody.
///
/// Nearly every file is none of those looked for, and a few tests say so (`@HINTS@`) before all others are
/// asked. GNU's `find` puts tests into an order of its own, by which each file would be asked all names and
/// numbers first; what has an effect (`$pl_w`, which prints nothing) keeps what stands before it there.
const WALK: &str = r#"[ -n "$pl_root" ] || exit 3
pl_a= pl_i=0 pl_s=' '
set --
while read -r _ _ pl_dv pl_o pl_mp _ pl_x; do
  pl_ty=${pl_x#*- }; pl_ty=${pl_ty%% *}
  case $pl_ty in
    ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|bcachefs|nilfs2|ubifs|tmpfs|ramfs) ;;
    nfs*|cifs|9p|ceph|fuse*) continue ;;
    *) [ "$pl_mp" = / ] || continue ;;
  esac
  case $pl_mp in
    /dev|/proc*|/sys*|/run/user*|/snap/*|/run/credentials*|/var/lib/docker/*|/var/lib/containers/*) continue ;;
    /var/lib/containerd/*|/run/containerd/*|/var/lib/kubelet/*|/var/lib/lxc*|/run/docker*|/var/lib/machines/*) continue ;;
    *\\*) pl_mp=$(printf "$(pl_p "$pl_mp" | sed 's/%/%%/g')") ;;
  esac
  case $pl_ty:$pl_o:$pl_s in
    btrfs:*" $pl_dv=$pl_o "*|zfs:*" $pl_dv=$pl_o "*) continue ;;
    btrfs:*|zfs:*) ;;
    *:/*" $pl_dv="*) continue ;;
  esac
  pl_s="$pl_s$pl_dv=$pl_o "
  set -- "$@" "$pl_mp"
done </proc/self/mountinfo
[ $# != 0 ] || set -- /
pl_nu= pl_ng= pl_u=user pl_g=group pl_w= pl_hu='-perm -0' pl_hg='-perm -0'
! find / -prune -nouser -nogroup -printf '\c' >/dev/null 2>&1 || pl_u=uid pl_g=gid pl_w='-printf \c'
while IFS=: read -r _ _ pl_x _; do
  case $pl_x in
    ''|*[!0-9]*) continue ;;
    0) pl_hu="! -$pl_u 0" ;;
  esac
  pl_nu="$pl_nu ! -$pl_u $pl_x"
done </etc/passwd
while IFS=: read -r _ _ pl_x _; do
  case $pl_x in
    ''|*[!0-9]*) continue ;;
    0) pl_hg="! -$pl_g 0" ;;
  esac
  pl_ng="$pl_ng ! -$pl_g $pl_x"
done </etc/group
[ $pl_u = user ] || pl_nu="$pl_nu -nouser" pl_ng="$pl_ng -nogroup"
pl_ni=
! pl_has nice || pl_ni="nice -n 15"
set -f
pl_p "$1$pl_nl"
$pl_ni find "$@" -xdev \
  -type d $pl_w ( -path /proc -o -path /sys -o -path /dev -o -path /run/user -o -path /snap \
  -o -path /var/lib/docker -o -path /var/lib/containers -o -path /var/lib/containerd \
  -o -path /run/containerd -o -path /var/lib/kubelet -o -path /var/lib/lxc -o -path /var/lib/lxcfs \
  -o -path /var/lib/machines -o -path /var/lib/palisade/guard -o -name .snapshots ) -prune -o \
  ( -path "$1" -o @HINTS@ ) $pl_w ( -path "$1" -o @TESTS@ ) \
  -exec sh -c 'case "$*" in
  *"@NL@"*) for f; do s=$(stat -c "$0" -- "$f") && printf "%s:%s" "$s" "$f" | tr "\n" "\001" && echo; done ;;
  *) stat -c "$0:%n" -- "$@" ;; esac' "$pl_fmt" {} + \
  | head -n @MOST@
:"#;

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    let asked = || {
        queries.iter().filter_map(|q| match &q.on {
            Resource::Walk(which) => Some(which),
            _ => None,
        })
    };
    let tests: Vec<String> = asked().map(|w| format!("( {} )", w.test())).collect();
    let hints: BTreeSet<String> = asked().map(Which::hint).collect();
    let hints: Vec<String> = hints.into_iter().collect();
    let text = WALK
        .replace("@TESTS@", &tests.join(" -o "))
        .replace("@HINTS@", &hints.join(" -o "))
        .replace("@NL@", "'\"$pl_nl\"'")
        .replace("@MOST@", &(MAX_FOUND + 2).to_string());
    script.ask(&braced(&text));
}

/// Parentheses of `find`'s are words of their own that the shell must not read.
fn braced(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let words = line.replace(" ( ", " \\( ").replace(" ) ", " \\) ");
        out.push_str(&words.replace(" ( ", " \\( ").replace(" ) ", " \\) "));
    }
    out
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let record = records.first().ok_or("no answer about files anywhere")?;
    if record.status == 3 {
        let refused = State::Refused("only root sees every file".into());
        return Ok(vec![refused; queries.len()]);
    }
    if record.status != 0 {
        return Err("the walk over all files did not end well".into());
    }
    let text = record.text();
    let mut found: BTreeMap<RemotePath, FileState> = BTreeMap::new();
    let mut lines = 0;
    let mut given = text.lines();
    let first = RemotePath::new(given.next().ok_or("the walk did not begin")?)?;
    for line in given {
        lines += 1;
        let cut = line.match_indices(':').nth(15).map(|(at, _)| at);
        let at = cut.ok_or_else(|| format!("`{}` is no line of stat's", line.escape_default()))?;
        let path = RemotePath::new(&line[at + 1..].replace('\u{1}', "\n"))?;
        found.insert(path, read_stat(&line[..at])?);
    }
    if !found.contains_key(&first) {
        let refused = State::Refused("this host's `find` does not find files".into());
        return Ok(vec![refused; queries.len()]);
    }
    let truncated = lines > MAX_FOUND + 1;
    let of = |query: &&Query| {
        let Resource::Walk(which) = &query.on else {
            return State::Absent;
        };
        let mine = found.iter().filter(|(path, file)| which.holds(path, file));
        State::Tree(TreeState {
            entries: mine.map(|(p, f)| (p.clone(), f.clone())).collect(),
            truncated,
        })
    };
    Ok(queries.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_walk_answers_all_questions() {
        let ask_of = |which| Query::meta(Resource::Walk(which));
        let (a, b) = (ask_of(Which::Setid), ask_of(Which::WorldWritable));
        let mut script = Script::new();
        ask(&[&a, &b], &mut script);
        assert_eq!(script.next(), 1);
        assert_eq!(script.text().matches("ni find").count(), 1);
        let line = |mode: &str, path: &str| {
            format!("{mode}:0:root:0:root:5:1:2:1:0:0:0:8:4096:0:0:{path}\n")
        };
        let payload =
            line("41ed", "/") + &line("89ed", "/usr/bin/su") + &line("81b6", "/srv/a\u{1}b");
        let payload = format!("/\n{payload}");
        let record = Record {
            number: 0,
            status: 0,
            payload: payload.into_bytes(),
        };
        let states = read(&[&a, &b], &[record]).expect("states");
        let names = |state: &State| match state {
            State::Tree(tree) => tree.entries.iter().map(|(p, _)| p.to_string()).collect(),
            other => vec![format!("{other:?}")],
        };
        assert_eq!(names(&states[0]), ["/usr/bin/su"]);
        assert_eq!(names(&states[1]), ["/srv/a\nb"]);
    }

    #[test]
    fn finding_nothing_at_all_is_no_good_news() {
        let query = Query::meta(Resource::Walk(Which::Unowned));
        let record = Record {
            number: 0,
            status: 0,
            payload: b"/\n".to_vec(),
        };
        let states = read(&[&query], &[record]).expect("a state");
        assert!(matches!(&states[0], State::Refused(_)));
    }
}
