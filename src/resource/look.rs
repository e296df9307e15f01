//! What paths are: questions about [`Resource::File`] and [`Resource::Target`], and their answers.
//!
//! A chunk of paths costs the host one `stat` and one `sha256sum`, however many there are. What a
//! shell can test by itself (missing, link, readable) it tests by itself, so neither tool ever meets
//! a path it would fail on, a pipe it would wait for, or a file nobody asked the digest of.

use super::contents::{Contents, Lengths, Part};
use super::file::{FileState, Meta, Node, Owner};
use super::reply::Record;
use super::script::{Script, path_word};
use super::{Content, Digest, Query, RemotePath, Resource, State, Want};

/// Paths in one command: a few hundred make the cost of a process disappear.
const CHUNK: usize = 500;
/// Bytes of paths in one command; kernels take 128 KiB in one argument and 2 MiB in all.
const CHUNK_BYTES: usize = 100_000;
/// Records of one chunk without and with contents, and with what few ask for.
const PLAIN: usize = 4;
const WITH_CONTENT: usize = 6;
const WITH_EXTRA: usize = 7;

/// The letters of the prelude's `pl_extra`, in its order.
const EXTRA: [(char, Want); 8] = [
    ('1', Want::SHA1),
    ('2', Want::SHA224),
    ('5', Want::MD5),
    ('S', Want::SHA512),
    ('T', Want::SHA384),
    ('F', Want::MIME),
    ('M', Want::ATTRIBUTES),
    ('C', Want::CONTEXT),
];

/// Adds the questions to the script.
pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for chunk in chunks(queries) {
        let mut words = String::new();
        for (_, path) in &chunk.paths {
            words.push(' ');
            words.push_str(&path_word(path));
        }
        let flags = &chunk.flags;
        script.several(chunk.records(), |n| format!("pl_f {n} {flags}{words}"));
    }
}

/// Reads the records that answer [`ask`] of the same queries: a state for each, in their order.
pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let mut states = vec![None; queries.len()];
    let mut rest = records;
    for chunk in chunks(queries) {
        if rest.len() < chunk.records() {
            return Err("the answer about files is cut short".into());
        }
        let (mine, others) = rest.split_at(chunk.records());
        rest = others;
        for ((index, _), state) in chunk.paths.iter().zip(read_chunk(&chunk, mine)?) {
            states[*index] = Some(state);
        }
    }
    states
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| "a path was not asked".into())
}

/// Paths that are asked the same things in one command, with their places among the queries.
struct Chunk<'a> {
    flags: String,
    paths: Vec<(usize, &'a RemotePath)>,
    bytes: usize,
}

impl Chunk<'_> {
    fn records(&self) -> usize {
        match (self.flags.contains('x'), self.flags.contains('c')) {
            (true, _) => WITH_EXTRA,
            (false, true) => WITH_CONTENT,
            (false, false) => PLAIN,
        }
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

fn flags(query: &Query) -> String {
    let mut out = String::from(match query.on {
        Resource::Target(_) => "t",
        _ => "p",
    });
    if query.want.has(Want::DIGEST) || query.want.has(Want::CONTENT) {
        out.push('d');
    }
    if query.want.has(Want::CONTENT) {
        out.push('c');
    }
    let extra: String = EXTRA
        .iter()
        .filter(|(_, want)| query.want.has(*want))
        .map(|(letter, _)| letter)
        .collect();
    if !extra.is_empty() {
        out.push('x');
        out.push_str(&extra);
    }
    out
}

fn chunks<'a>(queries: &[&'a Query]) -> Vec<Chunk<'a>> {
    let mut done: Vec<Chunk<'a>> = Vec::new();
    let mut open: Vec<Chunk<'a>> = Vec::new();
    for (index, query) in queries.iter().enumerate() {
        let (Resource::File(path) | Resource::Target(path)) = &query.on else {
            continue;
        };
        let flags = flags(query);
        let at = open
            .iter()
            .position(|c| c.flags == flags)
            .unwrap_or_else(|| {
                open.push(Chunk {
                    flags: flags.clone(),
                    paths: Vec::new(),
                    bytes: 0,
                });
                open.len() - 1
            });
        // A name with a newline makes the lines of some tools ambiguous: it goes alone.
        if path.as_str().contains('\n') {
            done.push(Chunk {
                flags,
                paths: vec![(index, path)],
                bytes: 0,
            });
            continue;
        }
        let chunk = &mut open[at];
        chunk.paths.push((index, path));
        chunk.bytes += path.as_str().len() + 1;
        if chunk.paths.len() >= CHUNK || chunk.bytes >= CHUNK_BYTES {
            done.push(open.swap_remove(at));
        }
    }
    done.extend(open.into_iter().filter(|c| !c.paths.is_empty()));
    done
}

/// Reads the records of one `pl_f` of these paths with these flags.
pub(super) fn read_paths(
    paths: &[&RemotePath],
    flags: &str,
    records: &[Record],
) -> Result<Vec<State>, String> {
    let chunk = Chunk {
        flags: flags.to_owned(),
        paths: paths.iter().copied().enumerate().collect(),
        bytes: 0,
    };
    read_chunk(&chunk, records)
}

fn read_chunk(chunk: &Chunk<'_>, records: &[Record]) -> Result<Vec<State>, String> {
    let letters = records[0].text();
    let letters: Vec<&str> = letters.split_terminator(',').collect();
    if letters.len() != chunk.paths.len() {
        return Err(format!(
            "asked {} paths, heard of {}",
            chunk.paths.len(),
            letters.len()
        ));
    }
    let stats = records[1].text();
    let mut stats = stats.lines();
    // Where something vanished meanwhile, every path was asked again alone, missing ones included.
    let again = records[1].status != 0;
    let mut links = Lengths(&records[2].payload);
    let digests = records[3].text();
    let mut digests = digests.lines();
    let mut contents = match chunk.has('c') {
        true => Some(Contents::read(&records[4], &records[5])?),
        false => None,
    };
    let extra = if chunk.has('x') {
        records[6].text()
    } else {
        String::new()
    };
    let mut extra = extra.lines();

    let mut states = Vec::with_capacity(letters.len());
    for letters in letters {
        let missing = letters == "-" || letters == "!";
        let line = if again || !missing {
            stats.next().unwrap_or("-")
        } else {
            "-"
        };
        let link = match letters.starts_with('l') {
            true => Some((links.text()?, Some(links.text()?).filter(|r| !r.is_empty()))),
            false => None,
        };
        let has_bytes = letters.starts_with("fr");
        let digest = if has_bytes && chunk.has('d') {
            digests.next()
        } else {
            None
        };
        let bytes = match &mut contents {
            Some(contents) if has_bytes => contents.next(),
            _ => None,
        };
        let extra = extra.next();
        states.push(if letters == "!" {
            State::Refused("permission denied".into())
        } else if line == "-" {
            State::Absent
        } else {
            let mut file = read_stat(line)?;
            if let Some(meta) = &mut file.meta {
                meta.readable = letters.contains('r');
                meta.writable = letters.contains('w');
                meta.executable = letters.contains('x');
                if let Some(line) = extra {
                    add_extra(meta, chunk, line);
                }
            }
            add_parts(file, link, digest, bytes)
        });
    }
    Ok(states)
}

/// How a program asks `stat` about a file, for [`described`].
pub(super) const STAT: &str = "%f:%u:%U:%g:%G:%s:%i:%d:%h:%X:%Y:%Z:%b:%B:%t:%T";

/// The file of which a program printed this line of `stat`'s.
pub fn described(line: &str) -> Option<FileState> {
    read_stat(line).ok()
}

/// What [`pl_fmt`](prelude.sh) prints.
pub(super) fn read_stat(line: &str) -> Result<FileState, String> {
    let bad = || format!("`{}` is no line of stat's", line.escape_default());
    let f: Vec<&str> = line.split(':').collect();
    let [
        mode,
        uid,
        user,
        gid,
        group,
        size,
        inode,
        device,
        links,
        atime,
        mtime,
        ctime,
        blocks,
        block_size,
        major,
        minor,
    ] = f[..]
    else {
        return Err(bad());
    };
    let raw = u32::from_str_radix(mode, 16).map_err(|_| bad())?;
    let whole = |text: &str| text.parse::<u64>().map_err(|_| bad());
    let time = |text: &str| text.parse::<f64>().map_err(|_| bad());
    let id = |text: &str| text.parse::<u32>().map_err(|_| bad());
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    let node = match raw & 0o170_000 {
        0o100_000 => Node::File(None),
        0o040_000 => Node::Dir,
        0o120_000 => Node::Link {
            target: String::new(),
        },
        0o020_000 => Node::Other('c'),
        0o060_000 => Node::Other('b'),
        0o010_000 => Node::Other('p'),
        0o140_000 => Node::Other('s'),
        _ => Node::Other('?'),
    };
    let (major, minor) = (hex(major), hex(minor));
    Ok(FileState {
        node,
        mode: raw & 0o7777,
        owner: owner(id(uid)?, user),
        group: owner(id(gid)?, group),
        meta: Some(Meta {
            size: whole(size)?,
            inode: whole(inode)?,
            device: whole(device)?,
            links: whole(links)?,
            atime: time(atime)?,
            mtime: time(mtime)?,
            ctime: time(ctime)?,
            blocks: whole(blocks)?,
            block_size: whole(block_size)?,
            device_type: (major & 0xfff) << 8 | (minor & 0xff) | (minor & !0xff) << 12,
            ..Meta::default()
        }),
    })
}

/// `stat` says UNKNOWN for a number that has no name.
fn owner(id: u32, name: &str) -> Owner {
    match name {
        "UNKNOWN" | "" => Owner {
            id: Some(id),
            name: None,
        },
        name => Owner::known(id, name),
    }
}

/// Its digest and its content do not belong together.
pub(super) const MOVED: &str = "it changed while it was being read";

/// Whether an answer is none because somebody wrote meanwhile: asking again may help.
pub fn has_moved(state: &State) -> bool {
    matches!(state, State::Refused(why) if why == MOVED)
}

type Link = (String, Option<String>);

fn add_parts(
    mut file: FileState,
    link: Option<Link>,
    digest: Option<&str>,
    bytes: Option<Part>,
) -> State {
    let size = file.meta.as_ref().map_or(0, |m| m.size);
    match &mut file.node {
        Node::Link { target } => {
            if let Some((to, real)) = link {
                *target = to;
                if let Some(meta) = &mut file.meta {
                    meta.real_path = real;
                }
            }
        }
        Node::File(content) => {
            let digest = digest
                .map(|line| line.trim_start_matches('\\'))
                .and_then(|line| Digest::parse(line.split(' ').next()?));
            if let Some(digest) = digest {
                let mut found = Content::digest_only(digest, size);
                if let Some(Part::Bytes(bytes)) = bytes {
                    if Digest::of(&bytes) != digest {
                        return State::Refused(MOVED.into());
                    }
                    found = Content::new(bytes);
                }
                if let Some(meta) = &file.meta {
                    found.sha1 = meta
                        .digests
                        .iter()
                        .find(|(n, _)| n == "sha1")
                        .map(|(_, d)| d.clone());
                }
                *content = Some(found);
            }
        }
        Node::Dir | Node::Other(_) => {}
    }
    State::File(file)
}

fn add_extra(meta: &mut Meta, chunk: &Chunk<'_>, line: &str) {
    let asked = EXTRA.iter().filter(|(letter, _)| {
        chunk
            .flags
            .split_once('x')
            .is_some_and(|(_, letters)| letters.contains(*letter))
    });
    for ((letter, _), word) in asked.zip(line.split(' ')) {
        if word == "-" || word.is_empty() {
            continue;
        }
        let name = match letter {
            '1' => "sha1",
            '2' => "sha224",
            '5' => "md5",
            'S' => "sha512",
            'T' => "sha384",
            'F' => {
                meta.mime = word
                    .split_once(';')
                    .map(|(m, c)| (m.to_owned(), c.to_owned()));
                continue;
            }
            'M' => {
                let (version, attributes) = word.split_once(',').unwrap_or(("", word));
                meta.uptime_version = Some(version.to_owned());
                meta.attributes = Some(attributes.to_owned());
                continue;
            }
            _ => {
                meta.context = (word != "?" && word != "unlabeled").then(|| word.to_owned());
                continue;
            }
        };
        meta.digests.push((name.to_owned(), word.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read() {
        let line = "81a4:0:root:42:UNKNOWN:1325:119:65024:1:1795256585.838850530:1795256585:1795256585:8:4096:0:0";
        let file = read_stat(line).expect("a state");
        assert_eq!(
            (file.mode, file.owner, file.group.name),
            (0o644, Owner::known(0, "root"), None)
        );
        let meta = file.meta.expect("what stat says");
        assert_eq!((meta.size, meta.links), (1325, 1));
        assert!((meta.atime - 1_795_256_585.838_85).abs() < 0.001);
        assert!(read_stat("nonsense").is_err());
    }

    #[test]
    fn paths_of_one_kind_of_question_share_a_command() {
        let path = |i: usize| RemotePath::new(&format!("/etc/{i}")).expect("a path");
        let queries: Vec<Query> = (0..1200)
            .map(|i| Query::new(Resource::File(path(i)), Want::DIGEST))
            .collect();
        let mut script = Script::new();
        ask(&queries.iter().collect::<Vec<_>>(), &mut script);
        assert_eq!(script.text().lines().count(), 3);
        assert_eq!(script.next(), 3 * PLAIN);
    }
}
