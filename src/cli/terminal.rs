//! The person at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Terminal;
use crate::host::BoxFuture;
use crate::host::dialer::Prompter;
use crate::source::Secret;

/// Asks on the terminal the program was started from.
#[derive(Clone, Default)]
pub struct AtTerminal {
    hush: Arc<Hush>,
}

/// Between who asks and who draws: while something is asked, nothing else is written.
#[derive(Default)]
pub struct Hush {
    wanted: AtomicBool,
    granted: AtomicBool,
}

/// Somebody who does not fall silent in this time will not: the question is asked anyway.
const PATIENCE: Duration = Duration::from_millis(300);

impl Hush {
    /// Whether whoever draws is to fall silent; saying so is promising it.
    pub fn heeded(&self) -> bool {
        let wanted = self.wanted.load(Ordering::Acquire);
        self.granted.store(wanted, Ordering::Release);
        wanted
    }

    fn during<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.wanted.store(true, Ordering::Release);
        let began = Instant::now();
        while !self.granted.load(Ordering::Acquire) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        let answer = ask();
        self.wanted.store(false, Ordering::Release);
        answer
    }
}

impl AtTerminal {
    pub fn hush(&self) -> Arc<Hush> {
        Arc::clone(&self.hush)
    }

    async fn asked(&self, prompt: String, echo: bool) -> Option<String> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let hush = self.hush();
        let asked = tokio::task::spawn_blocking(move || hush.during(|| ask(&prompt, echo)));
        asked.await.ok().flatten()
    }
}

impl Terminal for AtTerminal {
    fn ask<'a>(&'a self, prompt: &'a str, echo: bool) -> BoxFuture<'a, Option<String>> {
        Box::pin(self.asked(prompt.to_owned(), echo))
    }

    fn show(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
    }
}

/// Asks; without a terminal there is nobody to ask.
pub fn ask(prompt: &str, echo: bool) -> Option<String> {
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
        Box::pin(async move { self.asked(prompt, false).await.map(Secret::new) })
    }

    fn notice(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        let _ = writeln!(out, "{text}");
    }
}
