//! How bytes travel to a host: as a word of the script, or by a channel of their own ahead of it.

use std::fmt::Write as _;

use base64::Engine as _;

use super::script::quote;

/// Bytes as an argument of `pl_put`.
pub(super) struct Payload {
    pub letter: char,
    pub word: String,
}

/// Binary contents up to this size are written as octal escapes by the shell itself; above it a
/// decoder is cheaper.
const OCTAL_LIMIT: usize = 4096;

pub(super) fn payload(bytes: &[u8]) -> Payload {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Payload {
            letter: 'q',
            word: quote(text),
        },
        _ if bytes.len() <= OCTAL_LIMIT => {
            let mut text = String::new();
            for b in bytes {
                match b {
                    b'%' | b'\\' | b'\'' | 0..=31 | 127.. => {
                        let _ = write!(text, "\\{b:03o}");
                    }
                    b => text.push(char::from(*b)),
                }
            }
            Payload {
                letter: 'o',
                word: format!("'{text}'"),
            }
        }
        _ => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            let lines: Vec<&str> = text
                .as_bytes()
                .chunks(76)
                .filter_map(|l| std::str::from_utf8(l).ok())
                .collect();
            Payload {
                letter: 'e',
                word: format!("'{}\n'", lines.join("\n")),
            }
        }
    }
}

/// Bytes from stdin into a new file that only its owner can read: in `dir` under `temp` where that is
/// possible, else under `private` in a directory for temporary files.
pub(super) fn upload_command(dir: Option<&str>, temp: &str, private: &str) -> String {
    let mut text = String::from("umask 077; set -C; pl_cwd=$PWD; ");
    let _ = write!(text, "p={}; ", quote(private));
    if let Some(dir) = dir {
        let _ = write!(
            text,
            "if cd -P -- {dir} 2>/dev/null && : 2>/dev/null >./{t}; then set +C; exec cat >./{t}; fi; ",
            t = quote(temp)
        );
    }
    text.push_str(
        "for d in /var/tmp /tmp /dev/shm \"$HOME\"; do \
         if ( : >\"$d/$p\" ) 2>/dev/null; then set +C; exec cat >\"$d/$p\"; fi; done; \
         echo 'no directory to write to' >&2; exit 1",
    );
    text
}

/// Removes what [`upload_command`] wrote, wherever that was.
pub(super) fn upload_removal(dir: Option<&str>, temp: &str, private: &str) -> String {
    let p = quote(private);
    let mut text = format!("rm -f -- /var/tmp/{p} /tmp/{p} /dev/shm/{p} \"$HOME\"/{p}");
    if let Some(dir) = dir {
        let _ = write!(text, " {dir}/{}", quote(temp));
    }
    text
}
