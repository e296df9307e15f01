//! Programs of the controller's that run beside us for a while: each in a process group of its own,
//! asked to end by a signal, and gone with whoever holds it.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::mpsc;

/// A line that is longer is cut: nobody reads it, and it would only cost memory.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
/// Lines that wait for whoever reads them; then the program waits.
const AHEAD: usize = 64;
/// Read at once; the size of a pipe.
const PIECE: usize = 64 * 1024;
/// What a program says about why it failed.
const LONGEST_WORDS: usize = 1000;

/// What a program prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Out(String),
    Err(String),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// A running program.
pub struct Child {
    child: tokio::process::Child,
    pid: Option<Pid>,
    lines: mpsc::Receiver<Line>,
}

impl Child {
    /// Starts a program. It reads `input`, which stays open as long as it lives: a lock on that file is
    /// then its own.
    pub fn start(
        program: &Path,
        words: &[String],
        (dir, env): (&Path, &[(String, String)]),
        input: std::fs::File,
    ) -> io::Result<Child> {
        let mut child = Command::new(program)
            .args(words)
            .current_dir(dir)
            .envs(env.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::from(input))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (sender, lines) = mpsc::channel(AHEAD);
        if let Some(out) = child.stdout.take() {
            tokio::spawn(cut_up(out, sender.clone(), Line::Out));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(cut_up(err, sender, Line::Err));
        }
        Ok(Child { child, pid, lines })
    }

    /// The next line that it prints; nothing when it will print no more.
    pub async fn line(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    /// Waits for its end.
    pub async fn end(&mut self) -> io::Result<Exit> {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.child.wait().await?;
        self.pid = None;
        let signal = status.signal().unwrap_or(0);
        Ok(status.code().map_or(Exit::Signal(signal), Exit::Code))
    }

    /// Asks it to end: the program itself, which knows what to do with what it has started.
    pub fn ask(&self) {
        if let Some(pid) = self.pid {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends it, and all that it has started.
    pub fn kill(&self) {
        if let Some(pid) = self.pid {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Hands lines on as they come.
async fn cut_up(
    mut from: impl AsyncRead + Unpin,
    to: mpsc::Sender<Line>,
    kind: fn(String) -> Line,
) {
    let mut held: Vec<u8> = Vec::new();
    let mut piece = vec![0; PIECE];
    // The rest of a line that is too long.
    let mut passing = false;
    loop {
        let n = match from.read(&mut piece).await {
            Ok(n) if n > 0 => n,
            _ => break,
        };
        for part in piece[..n].split_inclusive(|b| *b == b'\n') {
            let ends = part.ends_with(b"\n");
            if !passing {
                held.extend(part);
            }
            passing = !ends && (passing || held.len() > LONGEST_LINE);
            if ends || passing && !held.is_empty() {
                let text = String::from_utf8_lossy(&held);
                let line = kind(text.trim_end_matches(['\r', '\n']).to_owned());
                held.clear();
                if !matches!(&line, Line::Out(t) | Line::Err(t) if t.is_empty())
                    && to.send(line).await.is_err()
                {
                    return;
                }
            }
        }
    }
    if !held.is_empty() {
        let text = String::from_utf8_lossy(&held).into_owned();
        let _ = to.send(kind(text)).await;
    }
}

/// Gives a text to a program and waits for its end, so long at most; a failure says how it ended.
pub async fn tell(
    words: &[String],
    dir: &Path,
    text: &str,
    patience: Duration,
) -> Result<(), String> {
    let (name, rest) = words.split_first().ok_or("there is no program")?;
    let mut child = Command::new(name)
        .args(rest)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("cannot run {name}: {e}"))?;
    let pid = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let (mut input, errors) = (child.stdin.take(), child.stderr.take());
    let work = async {
        if let Some(input) = &mut input {
            // A program that does not read is told as well.
            let _ = input.write_all(text.as_bytes()).await;
        }
        drop(input.take());
        let mut said = Vec::new();
        if let Some(errors) = errors {
            let _ = errors
                .take(LONGEST_WORDS as u64)
                .read_to_end(&mut said)
                .await;
        }
        (child.wait().await, said)
    };
    let ended = tokio::time::timeout(patience, work).await;
    let (status, said) = match ended {
        Ok(ended) => ended,
        Err(_) => {
            if let Some(pid) = pid {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            return Err(format!("{name} took longer than {} s", patience.as_secs()));
        }
    };
    let status = status.map_err(|e| format!("cannot wait for {name}: {e}"))?;
    if status.success() {
        return Ok(());
    }
    let said = super::plain(String::from_utf8_lossy(&said).trim()).into_owned();
    Err(match said.is_empty() {
        true => format!("{name}: {status}"),
        false => format!("{name}: {status}: {said}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        vec!["-c".into(), script.into()]
    }

    fn nothing() -> std::fs::File {
        std::fs::File::open("/dev/null").unwrap()
    }

    #[tokio::test]
    async fn lines_and_how_it_ended() {
        let dir: (&Path, &[_]) = (Path::new("/"), &[]);
        let script = "echo a; printf 'b\\r\\n\\n'; printf c; exit 3";
        let mut child = Child::start(Path::new("/bin/sh"), &words(script), dir, nothing()).unwrap();
        let mut out = Vec::new();
        while let Some(line) = child.line().await {
            out.push(line);
        }
        let line = |text: &str| Line::Out(text.into());
        assert_eq!(out, [line("a"), line("b"), line("c")]);
        assert_eq!(child.end().await.unwrap(), Exit::Code(3));
    }

    #[tokio::test]
    async fn it_ends_when_it_is_asked() {
        let dir: (&Path, &[_]) = (Path::new("/"), &[]);
        let script = "echo here; exec sleep 1000";
        let mut child = Child::start(Path::new("/bin/sh"), &words(script), dir, nothing()).unwrap();
        assert!(child.line().await.is_some());
        child.ask();
        assert_eq!(child.end().await.unwrap(), Exit::Signal(15));
    }

    #[tokio::test]
    async fn a_program_is_told_a_text() {
        let patience = Duration::from_secs(30);
        let script = |s: &str| vec!["sh".to_owned(), "-c".into(), s.into()];
        let dir = Path::new("/");
        let good = script("test \"$(cat)\" = text");
        assert_eq!(tell(&good, dir, "text", patience).await, Ok(()));
        let bad = tell(&script("echo no >&2; exit 4"), dir, "", patience).await;
        assert!(bad.unwrap_err().ends_with(": no"));
        let slow = tell(&script("sleep 1000"), dir, "", Duration::from_millis(10)).await;
        assert!(slow.unwrap_err().contains("longer"));
    }
}
