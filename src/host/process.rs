//! Programs of the controller's: inventory scripts, password scripts, lookups.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a program prints, at most `limit` bytes of it; a failure says how it ended.
pub fn output(program: &Path, args: &[&str], limit: u64) -> Result<String, String> {
    run(program, args, None, limit)
}

/// The same of a program that reads a text, short enough to fit a pipe.
pub fn filter(program: &Path, args: &[&str], text: &str, limit: u64) -> Result<String, String> {
    run(program, args, Some(text), limit)
}

fn run(program: &Path, args: &[&str], input: Option<&str>, limit: u64) -> Result<String, String> {
    let name = program.display();
    let stdin = match input {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    };
    let mut child = Command::new(program)
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|e| format!("cannot run {name}: {e}"))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        let written = pipe.write_all(input.as_bytes());
        written.map_err(|e| format!("cannot write to {name}: {e}"))?;
    }
    let mut text = Vec::new();
    if let Some(out) = child.stdout.take() {
        let read = out.take(limit + 1).read_to_end(&mut text);
        read.map_err(|e| format!("cannot read what {name} prints: {e}"))?;
    }
    if text.len() as u64 > limit {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{name} prints more than {limit} bytes"));
    }
    let status = child
        .wait()
        .map_err(|e| format!("cannot wait for {name}: {e}"))?;
    if !status.success() {
        return Err(format!("{name} failed: {status}"));
    }
    String::from_utf8(text).map_err(|_| format!("{name} prints what is not UTF-8 text"))
}
