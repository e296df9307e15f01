//! Mounted file systems, as the kernel lists them.

use super::apply::{ApplyError, Make};
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, Resource, State};

/// What is mounted on a directory.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct MountState {
    /// The device or remote folder.
    pub source: String,
    pub fstype: String,
    /// The options of the mount itself (`rw`, `nosuid`), in the kernel's order.
    pub options: Vec<String>,
    /// Those of the file system, wherever it is mounted (`size=1g`).
    pub system: Vec<String>,
    /// A folder that is mounted over itself: options of its own, on the file system around it.
    pub bound: bool,
}

impl MountState {
    pub fn has(&self, option: &str) -> bool {
        let mut all = self.options.iter().chain(&self.system);
        all.any(|o| o == option)
    }
}

/// The list of the kernel, for [`parse`].
const LIST: &str = "cat /proc/self/mountinfo";

pub(super) fn ask(_: &[&Query], script: &mut Script) {
    script.ask(LIST);
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let record = records.first().ok_or("no answer about mounts")?;
    if record.status != 0 {
        let refused = State::Refused("the kernel's list of mounts cannot be read".into());
        return Ok(vec![refused; queries.len()]);
    }
    let mounts = parse(&record.text());
    let of = |query: &&Query| match &query.on {
        // What was mounted last covers what was mounted before.
        Resource::Mount(path) => match mounts.iter().rev().find(|(at, _)| at == path.as_str()) {
            Some((_, mount)) => State::Mount(mount.clone()),
            None => State::Absent,
        },
        _ => State::Absent,
    };
    Ok(queries.iter().map(of).collect())
}

/// The mount points of `/proc/self/mountinfo` with what is mounted there.
pub fn parse(text: &str) -> Vec<(String, MountState)> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<(String, MountState)> {
    let (mount, system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (folder, at, options) = (mount.next()?, mount.next()?, mount.next()?);
    let mut system = system.split(' ');
    let (fstype, source) = (system.next()?, system.next()?);
    let list = |words: &str| words.split(',').map(str::to_owned).collect();
    let state = MountState {
        source: plain(source),
        fstype: fstype.to_owned(),
        options: list(options),
        system: list(system.next().unwrap_or_default()),
        bound: folder != "/" && folder.ends_with(at),
    };
    Some((plain(at), state))
}

/// A word of the kernel's tables, or of fstab, in which blanks are written as octal numbers.
pub fn plain(word: &str) -> String {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                out.push(byte);
                rest = &tail[3..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Options that each mount of a file system has for itself.
const OF_THE_MOUNT: &[&str] = &[
    "rw",
    "ro",
    "nosuid",
    "nodev",
    "noexec",
    "noatime",
    "nodiratime",
    "relatime",
    "strictatime",
    "nosymfollow",
];

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let Resource::Mount(path) = &change.on else {
        return Err(ApplyError::unfit(change));
    };
    let at = quote(path.as_str());
    let text = match (&change.before, &change.after) {
        (State::Mount(_), State::Absent) => format!("umount -- {at} </dev/null || exit"),
        (State::Absent, State::Mount(to)) => {
            // Without a source, `mount` finds it in fstab.
            let options = match change.how.option("options") {
                Some(options) if !options.is_empty() => format!("-o {} ", quote(options)),
                _ => String::new(),
            };
            let what = match (to.fstype.as_str(), to.source.as_str()) {
                (_, "") => String::new(),
                ("" | "none" | "auto", source) => format!("{} ", quote(source)),
                (fstype, source) => format!("-t {} {} ", quote(fstype), quote(source)),
            };
            format!(
                "[ -d {at} ] || mkdir -p -- {at} || exit\nmount {options}{what}{at} </dev/null || exit"
            )
        }
        (State::Mount(_), State::Mount(to)) => {
            // What belongs to the mount alone is changed by itself: the file system may be mounted
            // elsewhere too.
            let options = match change.how.option("options") {
                Some(options) => format!("remount,{options}"),
                None if to
                    .options
                    .iter()
                    .all(|o| OF_THE_MOUNT.contains(&o.as_str())) =>
                {
                    format!("remount,bind,{}", to.options.join(","))
                }
                None => format!("remount,{}", to.options.join(",")),
            };
            format!("mount -o {} {at} </dev/null || exit", quote(&options))
        }
        _ => return Err(ApplyError::unfit(change)),
    };
    Ok(Make::tool(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let text =
            "36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";
        let mounts = parse(text);
        assert_eq!(mounts[0].0, "/mnt/a b");
        assert!(mounts[0].1.has("noatime") && mounts[0].1.has("errors=continue"));
        assert_eq!(mounts[0].1.fstype, "ext3");
        assert!(!mounts[0].1.bound);
        let text = "36 35 98:0 /@root/home /home rw,nosuid - ext3 /dev/root rw\n";
        assert!(
            parse(text)[0].1.bound,
            "a folder of the file system around it"
        );
    }
}
