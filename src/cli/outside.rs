//! What templates may ask of this machine.

use std::path::Path;

use crate::vars::Outside;

/// Output of a `pipe` lookup, or body of a `url` lookup, that is taken.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;

/// The machine palisade runs on.
pub struct Controller;

impl Outside for Controller {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn pipe(&self, command: &str) -> Result<String, String> {
        crate::host::process::output(Path::new("/bin/sh"), &["-c", command], MAX_OUTPUT)
    }

    fn url(&self, url: &str) -> Result<String, String> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!("only http and https can be looked up, not `{url}`"));
        }
        let args = [
            "-fsSL",
            "--proto",
            "=http,https",
            "--max-time",
            "60",
            "--",
            url,
        ];
        crate::host::process::output(Path::new("curl"), &args, MAX_OUTPUT)
    }

    fn now(&self) -> f64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0.0, |d| d.as_secs_f64())
    }

    fn random(&self, length: usize) -> Vec<u8> {
        random(length)
    }

    fn keep(&self, path: &Path, make: &mut dyn FnMut() -> String) -> Result<String, String> {
        use std::io::Write as _;
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let wrong = |e: std::io::Error| format!("{}: {e}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => return Ok(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(wrong(e)),
        }
        if let Some(dir) = path.parent() {
            let made = std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir);
            made.map_err(wrong)?;
        }
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match file {
            Ok(mut file) => {
                let text = make();
                file.write_all(text.as_bytes()).map_err(wrong)?;
                Ok(text)
            }
            // Somebody else was first: theirs it is.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                std::fs::read_to_string(path).map_err(wrong)
            }
            Err(e) => Err(wrong(e)),
        }
    }
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes
}

/// A word that nobody can guess.
pub fn token() -> String {
    hex::encode(random(16))
}
