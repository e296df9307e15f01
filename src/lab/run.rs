//! Runs the programs a lab is made with.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use super::error::{LabError, doing};

/// What each program belongs to, so that a missing one can be named with its package.
const PACKAGES: &[(&str, &str)] = &[
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("ldd", "libc-bin"),
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
];

/// A program and its arguments, with a fixed search path: sudo and cron give short ones.
pub(crate) fn command<S: AsRef<OsStr>>(program: &'static str, arguments: &[S]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PATH", super::PATH)
        .env("LC_ALL", "C");
    command
}

/// Runs to the end with `input` on stdin; its stdout, or what went wrong.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[S],
    input: &str,
) -> Result<String, LabError> {
    let mut command = command(program, arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| not_started(program, e))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading is judged by its status, not by the broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(doing(format!("wait for {program}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = arguments
        .iter()
        .map(|a| a.as_ref().to_string_lossy().into_owned());
    Err(LabError::Command {
        command: std::iter::once(program.to_string())
            .chain(words)
            .collect::<Vec<_>>()
            .join(" "),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

pub(crate) fn not_started(program: &'static str, e: std::io::Error) -> LabError {
    if e.kind() == std::io::ErrorKind::NotFound {
        let package = PACKAGES
            .iter()
            .find(|(p, _)| *p == program)
            .map_or(program, |(_, p)| p);
        return LabError::Missing { program, package };
    }
    LabError::Io {
        what: format!("start {program}"),
        source: e,
    }
}

/// Whether the program is on the search path.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    super::PATH
        .split(':')
        .map(|d| std::path::Path::new(d).join(program))
        .find(|p| p.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let error = run("sh", &["-c", "read x; echo $x >&2; exit 3"], "why\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c read x; echo $x >&2; exit 3` ended with exit status: 3: why"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(
            not_started("ip", gone).hint().unwrap(),
            "apt-get install iproute2"
        );
    }
}
