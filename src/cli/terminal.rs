//! The person at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use crate::engine::Terminal;
use crate::host::BoxFuture;
use crate::host::dialer::Prompter;
use crate::source::Secret;

/// Asks on the terminal the program was started from.
pub struct AtTerminal;

impl Terminal for AtTerminal {
    fn ask<'a>(&'a self, prompt: &'a str, echo: bool) -> BoxFuture<'a, Option<String>> {
        let prompt = prompt.to_owned();
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || ask(&prompt, echo));
            asked.await.ok().flatten()
        })
    }

    fn show(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
    }
}

fn ask(prompt: &str, echo: bool) -> Option<String> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    if !echo {
        return rpassword::prompt_password(prompt).ok();
    }
    let mut out = std::io::stdout().lock();
    write!(out, "{prompt}").and_then(|()| out.flush()).ok()?;
    drop(out);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}

impl Prompter for AtTerminal {
    fn passphrase<'a>(&'a self, key: &'a Path) -> BoxFuture<'a, Option<Secret>> {
        let prompt = format!("Passphrase for {}: ", key.display());
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || ask(&prompt, false));
            asked.await.ok().flatten().map(Secret::new)
        })
    }

    fn notice(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        let _ = writeln!(out, "{text}");
    }
}
