//! Temporary files and directories that stay: made by the host, because only it can pick a free name.

use super::look::STAT;
use super::program::Program;
use super::script::quote;

/// A program that makes a temporary file or directory, only the user may enter, and prints its path, and in
/// another line whose it is and how large.
///
/// `folder` empty means what the host uses (`$TMPDIR`, else `/tmp`). `mktemp` with a suffix is
/// not in POSIX and not in every busybox, so the name is made with the suffix after the fact: a
/// directory is made without it and renamed, a file is made by `ln`, which fails where the name is taken.
pub fn mktemp(directory: bool, folder: Option<&str>, prefix: &str, suffix: &str) -> Program {
    let folder = folder.map_or_else(|| "\"${TMPDIR:-/tmp}\"".to_owned(), quote);
    let (flag, put) = if directory {
        ("-d ", "mv -- \"$t\" \"$t\"$s")
    } else {
        ("", "ln -- \"$t\" \"$t\"$s && rm -f -- \"$t\"")
    };
    let text = format!(
        "umask 077\nd={folder}\nif [ ! -d \"$d\" ]; then\n  \
         printf 'no such directory: %s\\n' \"$d\" >&2; exit 1\nfi\n\
         s={suffix}\nt=$(mktemp {flag}\"$d\"/{prefix}XXXXXXXX) || exit 1\n\
         if [ -n \"$s\" ]; then\n  [ ! -e \"$t$s\" ] && {put} || exit 1\nfi\n\
         printf '%s\\n' \"$t$s\"\nstat -c '{STAT}' -- \"$t$s\"\n",
        suffix = quote(suffix),
        prefix = quote(prefix),
        put = put.replace("\"$t\"$s", "\"$t$s\""),
    );
    Program {
        text,
        name: "mktemp",
    }
}

#[cfg(test)]
mod tests {
    use super::mktemp;

    #[test]
    fn words_of_the_user_are_quoted() {
        let text = mktemp(true, Some("/a b"), "x'y", "$(z)").text().to_owned();
        assert!(text.contains("d='/a b'"), "{text}");
        assert!(text.contains("/'x'\\''y'XXXXXXXX"), "{text}");
        assert!(text.contains("s='$(z)'"), "{text}");
    }
}
