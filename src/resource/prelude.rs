//! What a host's shell is told before anything else, and what it answers.
//!
//! The prelude sets up surroundings that are the same everywhere (path, locale, umask) while keeping
//! the login's own for the user's commands, defines the functions of records and probes, and ends
//! with `\n\001HELLO <nonce> …\n`: who the shell is and which tools there are. Whatever a login
//! prints before that line is noise.

use super::Identity;
use super::hash::INLINE_LIMIT;

const TEXT: &str = include_str!("prelude.sh");

/// The text that opens a shell. The nonce is what makes its frames ours, so it travels on standard
/// input only and stands on no command line.
pub fn prelude(nonce: &str) -> String {
    debug_assert!(nonce.bytes().all(|b| b.is_ascii_alphanumeric()));
    sent(TEXT)
        .replace("@NONCE@", nonce)
        .replace("@SOH@", "\u{1}")
        .replace("@ENTRIES@", &(super::tree::MAX_ENTRIES + 2).to_string())
        .replace("@FILES@", &super::texts::MAX_FILES.to_string())
        .replace("@LIMIT@", &INLINE_LIMIT.to_string())
        .replace("@LIMIT1@", &(INLINE_LIMIT + 1).to_string())
}

/// A shell text of ours without its comments and indentation: bash reads a pipe byte by byte.
pub(super) fn sent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = if line.trim().is_empty() {
            line
        } else {
            line.trim_start_matches(' ')
        };
        if !line.is_empty() && !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// What a shell says of itself and of its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub me: Identity,
    /// Supplementary groups by number, the primary one among them.
    pub groups: Vec<u32>,
    /// The tools of the prelude's list that are there, sorted.
    pub tools: Vec<String>,
    pub selinux: bool,
    /// The kernel's release.
    pub kernel: String,
    /// The shell, where it has a way of saying.
    pub shell: String,
    pub pid: u32,
    /// What guards of other runs it knows of that have not ended, or of whose end nobody was told.
    pub guards: Vec<super::guard::Leftover>,
}

impl Hello {
    pub fn has(&self, tool: &str) -> bool {
        self.tools
            .binary_search_by(|t| t.as_str().cmp(tool))
            .is_ok()
    }

    pub fn is_root(&self) -> bool {
        self.me.uid == 0
    }
}

/// Reads the HELLO line, with or without the mark and the nonce before its first field.
///
/// # Errors
/// Says what the host lacks, where it cannot be worked with.
pub fn hello(text: &str) -> Result<Hello, String> {
    let line = text.trim_start_matches('\n').trim_end_matches('\n');
    let line = match line.find("id=") {
        Some(at) => &line[at..],
        None => return Err("the shell did not say who it is".into()),
    };
    let mut out = Hello::default();
    let (mut bytes, mut guards) = ("", "");
    for field in line.split('\t') {
        let Some((key, value)) = field.split_once('=') else {
            continue;
        };
        match key {
            "id" => read_id(value, &mut out)?,
            "umask" => out.me.umask = u32::from_str_radix(value.trim(), 8).unwrap_or(0o022),
            "home" => value.clone_into(&mut out.me.home),
            "tools" => out.tools = value.split_whitespace().map(str::to_owned).collect(),
            "selinux" => out.selinux = value == "1",
            "kernel" => value.clone_into(&mut out.kernel),
            "shell" => value.clone_into(&mut out.shell),
            "login" if super::is_account_name(value) => value.clone_into(&mut out.me.login),
            "pid" => out.pid = value.parse().unwrap_or(0),
            "bytes" => bytes = value,
            "guards" => guards = value,
            _ => {}
        }
    }
    out.tools.sort();
    out.guards = super::guard::leftovers(guards, out.is_root(), &out.me.home);
    if bytes != "2" {
        return Err("the host's shell counts characters where it should count bytes".into());
    }
    for tool in ["stat", "sha256sum"] {
        if !out.has(tool) {
            return Err(format!("the host has no `{tool}`"));
        }
    }
    Ok(out)
}

/// Reads `uid=0(root) gid=0(root) groups=0(root),4(adm) context=…`.
fn read_id(text: &str, out: &mut Hello) -> Result<(), String> {
    let entry = |word: &str| -> Option<(u32, String)> {
        let (id, name) = word.split_once('(').unwrap_or((word, ""));
        Some((id.parse().ok()?, name.trim_end_matches(')').to_owned()))
    };
    let after = |key: &str| -> Option<&str> {
        let start = text.find(key)? + key.len();
        let rest = &text[start..];
        let stop = rest.find([' ', ')']).map_or(rest.len(), |i| {
            if rest[i..].starts_with(')') { i + 1 } else { i }
        });
        Some(&rest[..stop])
    };
    let uid = after("uid=")
        .and_then(entry)
        .ok_or("the host has no working `id`")?;
    let gid = after(" gid=")
        .and_then(entry)
        .ok_or("the host has no working `id`")?;
    (out.me.uid, out.me.user) = uid;
    (out.me.gid, out.me.group) = gid;
    if out.me.user.is_empty() {
        out.me.user = out.me.uid.to_string();
    }
    if out.me.group.is_empty() {
        out.me.group = out.me.gid.to_string();
    }
    if let Some(at) = text.find(" groups=") {
        let list = &text[at + " groups=".len()..];
        let list = list.split(" context=").next().unwrap_or(list);
        out.groups = list
            .split(',')
            .filter_map(entry)
            .map(|(id, _)| id)
            .collect();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "\n\u{1}HELLO ab id=uid=1000(deploy) gid=1000(deploy) groups=1000(deploy),27(sudo)\
        \tumask=0022\thome=/home/deploy\ttools= base64 sha256sum stat\tselinux=\tkernel=6.1.0\tbytes=2\
        \tpid=12\tshell=bash 5.2\n";

    #[test]
    fn a_hello_is_read() {
        let h = hello(LINE).expect("a hello");
        assert_eq!(
            (h.me.uid, h.me.user.as_str(), h.me.umask),
            (1000, "deploy", 0o022)
        );
        assert_eq!(h.groups, [1000, 27]);
        assert!(h.has("stat") && !h.has("flock") && !h.selinux);
        assert_eq!((h.me.home.as_str(), h.pid), ("/home/deploy", 12));
    }

    #[test]
    fn a_shell_that_counts_characters_is_refused() {
        assert!(hello(&LINE.replace("bytes=2", "bytes=1")).is_err());
        assert!(
            hello(&LINE.replace("sha256sum", ""))
                .unwrap_err()
                .contains("sha256sum")
        );
        assert!(hello("nothing").is_err());
    }

    #[test]
    fn the_nonce_is_filled_in_and_comments_stay_here() {
        let text = prelude("abc123");
        assert!(text.contains("pl_nonce=abc123"));
        assert!(!text.contains("\n#") && !text.contains("@LIMIT") && !text.contains("@SOH"));
    }
}
