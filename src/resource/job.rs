//! Jobs: scripts of steps that go on by themselves after what started them is gone.
//!
//! A job is a shell of its own, in a session of its own, that is given the same prelude, library and
//! steps as a shell of ours. Its records go to a file that is read back when somebody asks. Whoever
//! watches it kills the whole session when its time is over.

use super::apply;
use super::prelude::prelude;
use super::program::{Exec, Program, Run};
use super::script::{place, quote};
use super::{Content, reply};

/// Where jobs are kept unless somebody says otherwise: where Ansible keeps its own.
pub const DIRECTORY: &str = "~/.ansible_async";

/// The records of a job are read back whole.
const LARGEST_REPLY: usize = 64 * 1024 * 1024;

/// The text of a job. The nonce marks its end.
pub fn script(nonce: &str, steps: &str) -> String {
    // What is done beside the run holds nobody up, and waits for nobody.
    format!(
        "exec 3>&1 >/dev/null\n{}{}pl_lock() {{ :; }}\nexec >&3 3>&-\n{{ :\n{steps}\n}} </dev/null\npl_end 1 $?\n",
        prelude(nonce),
        apply::library(),
    )
}

/// Watches over a job. SCRIPT STEM LIMIT PATH UMASK
const WATCH: &str = r#"exec 4<"$1" || exit
f=$2.$$ b=
umask 077
read -r b </proc/sys/kernel/random/boot_id
: >"$f"
setsid sh -c 'sleep "$1"; : >"$2.late"; kill -TERM -$3; sleep 2; kill -KILL -$3' sh "$3" "$f" $$ 4<&- &
w=$!
printf '%s\n%s\n' "$b" $$ >"$f.new"
mv -f -- "$f.new" "$f.run"
trap : TERM
( umask "$5"; PATH=$4; export PATH; exec sh -s ) <&4 >"$f" 2>"$f.err"
kill -KILL -$w
rm -f -- "$f.run""#;

/// A run that starts a job and prints its id and its file. The id is `stem` and a number of the host's.
pub fn start(script: String, stem: &str, directory: &str, limit: u64) -> Run {
    let text = format!(
        "p0=$PATH um=$(umask) s=${{pl_files}}0\nunset pl_files\n\
         PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         command -v setsid >/dev/null || {{ echo 'this host has no setsid, so that nothing can go on by itself: install util-linux' >&2; exit 1; }}\n\
         d={dir}\n(umask 077; mkdir -p -- \"$d\") || exit 1\n\
         setsid sh -c {watch} sh \"$s\" \"$d/{stem}\" {limit} \"$p0\" \"$um\" </dev/null >/dev/null 2>&1 &\n\
         f=$d/{stem}.$! i=0\n\
         until [ -e \"$f.run\" ] || [ -s \"$f\" ] || [ $i = 100 ]; do i=$((i+1)); sleep 0.05 2>/dev/null || sleep 1; done\n\
         [ -e \"$f\" ] || {{ echo 'the job did not start' >&2; exit 1; }}\n\
         printf '%s\\n' \"${{f##*/}}\" \"$f\"",
        dir = here(directory),
        watch = quote(WATCH),
        stem = stem,
    );
    let mut run = Run::new(Exec::Shell {
        text,
        executable: None,
    });
    run.files.push(Content::new(script.into_bytes()));
    run
}

fn here(directory: &str) -> String {
    place(directory).replace("\"$pl_cwd\"/", "./")
}

/// A run that says how a job is.
pub fn status(id: &str, directory: &str) -> Run {
    let text = format!(
        "f={}/{id}\n[ -e \"$f\" ] || {{ printf 'gone\\n%s\\n' \"$f\"; exit; }}\n\
         if [ -e \"$f.late\" ]; then printf 'late\\n%s\\n' \"$f\"; exit; fi\n\
         if [ -e \"$f.run\" ]; then\n\
         {{ read -r b; read -r p; }} <\"$f.run\"\nx=\nread -r x </proc/sys/kernel/random/boot_id\n\
         if [ \"$b\" = \"$x\" ] && kill -0 \"$p\" 2>/dev/null; then printf 'runs\\n%s\\n' \"$f\"; exit; fi\nfi\n\
         printf 'ended\\n%s\\n' \"$f\"; cat -- \"$f\"; cat -- \"$f.err\" >&2",
        here(directory),
    );
    let mut run = program(text);
    run.capture = LARGEST_REPLY;
    run.read_only = true;
    run
}

/// A run that removes what is left of a job. It prints the file it was.
pub fn clean(id: &str, directory: &str) -> Run {
    let text = format!(
        "f={}/{id}\n[ -e \"$f\" ] || {{ printf 'gone\\n%s\\n' \"$f\"; exit; }}\n\
         rm -f -- \"$f\" \"$f\".* || exit\nprintf 'erased\\n%s\\n' \"$f\"",
        here(directory),
    );
    program(text)
}

fn program(text: String) -> Run {
    let name = "async_status";
    let mut run = Run::new(Exec::Program(Program { text, name }));
    run.changes = false;
    run
}

/// How a job is.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    Gone,
    Runs,
    /// Its time was over.
    Late,
    Erased,
    /// What it said, and whether it came to its end.
    Ended(Vec<reply::Record>, bool),
}

/// Where the mark stands that a job ends with: its own, or, for a job of another run, any at the end.
fn ended(bytes: &[u8], nonce: Option<&str>) -> Option<usize> {
    let begin = b"\n\x01END ";
    let at = bytes.windows(begin.len()).rposition(|w| w == begin)?;
    let line = std::str::from_utf8(&bytes[at + begin.len()..]).ok()?;
    let mut words = line.strip_suffix('\n')?.split(' ');
    let mine = words.next().is_some_and(|w| nonce.is_none_or(|n| n == w));
    (mine && words.next() == Some("1") && words.count() == 1).then_some(at)
}

/// The last command of a job, where it ran one.
pub fn ran(records: &[reply::Record]) -> Option<super::program::Ran> {
    let [.., how, out, err] = records else {
        return None;
    };
    super::start::read(how, out, err, LARGEST_REPLY).ok()
}

/// Reads what a status or a cleaning printed: the word, and the job's file.
pub fn read(stdout: &[u8], nonce: Option<&str>) -> Option<(Word, String)> {
    let mut lines = stdout.splitn(3, |b| *b == b'\n');
    let word = lines.next()?;
    let file = String::from_utf8_lossy(lines.next()?).into_owned();
    let rest = lines.next().unwrap_or_default();
    let word = match word {
        b"gone" => Word::Gone,
        b"runs" => Word::Runs,
        b"late" => Word::Late,
        b"erased" => Word::Erased,
        b"ended" => {
            let at = ended(rest, nonce);
            let bytes = &rest[..at.unwrap_or(rest.len())];
            Word::Ended(reply::records(bytes).unwrap_or_default(), at.is_some())
        }
        _ => return None,
    };
    Some((word, file))
}

/// Whether text can be the id of a job: it becomes part of a path.
pub fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_up_to_its_own_mark() {
        let text = b"ended\n/root/.ansible_async/j1.2\n\n\x010 0 2\nhi\n\x01END abc 1 0\n";
        let (word, file) = read(text, Some("abc")).unwrap();
        assert_eq!(file, "/root/.ansible_async/j1.2");
        let Word::Ended(records, whole) = word else {
            panic!("{word:?}")
        };
        assert_eq!((records[0].text(), whole), ("hi".to_owned(), true));
        // Whoever says it is over without knowing the mark.
        let (word, _) = read(text, Some("abd")).unwrap();
        assert!(matches!(word, Word::Ended(_, false)));
    }

    #[test]
    fn ids_are_names_of_files() {
        assert!(is_id("j536270673954.1107"));
        for wrong in ["", "..", "../x", "a/b", "a b", "$(x)", ".x"] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
