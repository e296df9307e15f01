//! Diagnostics and notices on stderr.

use std::io::{IsTerminal as _, Write as _};

use crate::source::{Diagnostic, render};

/// Whether stderr takes colours: a terminal, and nobody said otherwise.
pub fn coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var("TERM").is_ok_and(|t| t != "dumb")
        && std::io::stderr().is_terminal()
}

/// Shows mistakes and warnings.
pub fn show(diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "{}", render::render_all(diagnostics, coloured()));
}

/// Says one line.
pub fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{text}");
}
