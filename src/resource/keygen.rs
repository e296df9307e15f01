//! Making an SSH key for an account.

use super::RemotePath;
use super::program::{Exec, Program, Run};
use super::script::{path_word, quote};

/// What the key is to be.
#[derive(Clone, Copy, Debug)]
pub struct Keygen<'a> {
    pub user: &'a str,
    pub path: &'a RemotePath,
    pub kind: &'a str,
    pub bits: Option<u64>,
    pub comment: Option<&'a str>,
    pub passphrase: Option<&'a str>,
}

/// A program that makes a key, gives it to its user and prints the public half. The passphrase comes
/// on standard input and reaches `ssh-keygen` through a helper program, never a command line.
pub fn run(key: &Keygen) -> Run {
    let bits = key.bits.map(|b| format!(" -b {b}")).unwrap_or_default();
    let comment = match key.comment {
        Some(comment) => quote(comment),
        None => "\"ansible-generated on $(uname -n)\"".into(),
    };
    let (secret, ask) = match key.passphrase {
        Some(_) => (
            "d=$(mktemp -d) || exit\ntrap 'rm -rf -- \"$d\"' EXIT\ncat >\"$d/p\"\n\
             printf '#!/bin/sh\\ncat %s/p\\n' \"$d\" >\"$d/a\"; chmod 700 \"$d/a\"\n\
             SSH_ASKPASS=$d/a SSH_ASKPASS_REQUIRE=force DISPLAY=${DISPLAY:-:0}\n\
             export SSH_ASKPASS SSH_ASKPASS_REQUIRE DISPLAY\n",
            "",
        ),
        None => ("", " -N ''"),
    };
    let text = format!(
        "umask 077\nu={user} f={path}\n{secret}p=${{f%/*}}\n\
         if [ ! -d \"$p\" ]; then mkdir -p -- \"$p\" || exit\n\
         chown -- \"$u:$(id -g \"$u\")\" \"$p\" || exit; fi\n\
         rm -f -- \"$f\" \"$f.pub\"\n\
         ssh-keygen -q -t {kind}{bits} -C {comment} -f \"$f\"{ask} >&2 || exit\n\
         chown -- \"$u:$(id -g \"$u\")\" \"$f\" \"$f.pub\" || exit\nchmod 644 -- \"$f.pub\"\n\
         cat -- \"$f.pub\"\n",
        user = quote(key.user),
        path = path_word(key.path),
        kind = quote(key.kind),
    );
    let mut run = Run::new(Exec::Program(Program {
        text,
        name: "ssh-keygen",
    }));
    run.stdin = key.passphrase.map(|p| format!("{p}\n").into_bytes().into());
    run
}
