//! Mistakes of ours: said in one line, with the details in a file to send in.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::messages;
use super::run::state_dir;

/// Catches panics of all threads; tells whether there was one.
pub fn watch() -> Arc<AtomicBool> {
    let happened = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&happened);
    std::panic::set_hook(Box::new(move |info| {
        // One mistake may bring others with it; the first is the one to report.
        if !flag.swap(true, Ordering::Relaxed) {
            report(info);
        }
    }));
    happened
}

fn report(info: &PanicHookInfo<'_>) {
    let place = info
        .location()
        .map_or_else(String::new, |l| format!(" at {l}"));
    // What was being worked on may hold secrets, so that the message stays in the file.
    let text = format!(
        "palisade {} on {}\n{info}\n\n{}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        Backtrace::force_capture()
    );
    let wrote = write(&text);
    messages::say(&format!(
        "internal error{place}: this is a mistake of palisade's; please report it"
    ));
    match wrote {
        Some(path) => messages::say(&format!("hint: send {} along", path.display())),
        None => messages::say("hint: send along what was run"),
    }
}

fn write(text: &str) -> Option<PathBuf> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let dir = state_dir().unwrap_or_else(std::env::temp_dir);
    std::fs::create_dir_all(&dir).ok()?;
    let path = dir.join(format!("crash-{}.txt", std::process::id()));
    let mut file = std::fs::OpenOptions::new();
    let mut file = file
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .ok()?;
    file.write_all(text.as_bytes()).ok()?;
    Some(path)
}
