//! Diagnostics and notices on stderr.

use std::io::{IsTerminal as _, Write as _};

use super::exit::Exit;
use crate::source::{Diagnostic, Severity, render};

/// Whether a stream takes colours: asked for, or a terminal and nobody said otherwise.
pub fn coloured(terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    if set("NO_COLOR") || set("ANSIBLE_NOCOLOR") {
        return false;
    }
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0");
    forced || terminal && std::env::var("TERM").is_ok_and(|t| t != "dumb")
}

/// Shows mistakes and warnings.
pub fn show(diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let mut out = std::io::stderr().lock();
    let text = render::render_all(diagnostics, coloured(out.is_terminal()));
    let _ = write!(out, "{text}");
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
    if let Some(code) = errors.filter_map(|d| d.code).next()
        && out.is_terminal()
    {
        let _ = writeln!(out, "\n`palisade explain {code}` says more");
    }
}

/// Shows mistakes and warnings, to programs as one JSON object a line.
pub fn tell(diagnostics: &[Diagnostic], json: bool) {
    if !json {
        return show(diagnostics);
    }
    let mut out = std::io::stderr().lock();
    for diagnostic in diagnostics {
        let _ = writeln!(out, "{}", crate::report::diagnostic(diagnostic));
    }
}

/// Says one line.
pub fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints what was asked for, and ends where that has no room: half of an answer looks like one.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            say(&format!("error: the output is not whole: {error}"));
            super::leave(Exit::Start)
        }
        // A reader that went away is no failure of ours.
        _ => {}
    }
}
