//! Unpacking archives: a program that compares first and unpacks only what differs.

use super::program::{Exec, Program, Run};
use super::script::{place, quote};

/// An archive and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Unpack<'a> {
    pub src: &'a str,
    pub dest: &'a str,
    /// The archive itself, where it is not on the host.
    pub bytes: Option<Vec<u8>>,
    pub exclude: &'a [String],
    pub include: &'a [String],
    pub extra: &'a [String],
    pub keep_newer: bool,
    pub owner: Option<&'a str>,
    pub group: Option<&'a str>,
    pub mode: Option<&'a str>,
    pub validate_certs: bool,
}

/// tar says what differs; without GNU's `--diff`, what comes out is compared file by file.
const BODY: &str = r#"has() { command -v "$1" >/dev/null 2>&1; }
[ -d "$t" ] || { echo "dest '$t' must be an existing dir" >&2; exit 1; }
[ -r "$a" ] || { echo "Source '$a' does not exist or is not readable" >&2; exit 1; }
m=$(dd if="$a" bs=1 count=6 2>/dev/null | od -An -tx1 | tr -d ' \n')
case $m in
  504b0304*|504b0506*) k=ZipArchive ;;
  1f8b*) k=TgzArchive z='gzip -dc' ;;
  425a68*) k=TarBzipArchive z='bzip2 -dc' ;;
  fd377a585a00) k=TarXzArchive z='xz -dc' ;;
  28b52ffd*) k=TarZstdArchive z='zstd -dc' ;;
  *) k=TarArchive z=cat ;;
esac
s=$(mktemp -d "$t/.palisade.XXXXXX") || exit
trap 'rm -rf -- "$s" ${d:+"$d"}' EXIT
if [ $k = ZipArchive ]; then
  unzip -qq -o ${x_zip} "$a" $inc ${exc:+-x $exc} -d "$s" >&2 || exit
  unzip -Z1 "$a" >"$s.l" 2>/dev/null || (cd "$s" && find . -mindepth 1 | sed 's/^\.\///') >"$s.l"
else
  $z <"$a" | tar -tf - $tx >"$s.l" || { rm -f "$s.l"; exit 1; }
  $z <"$a" | tar -xpf - -C "$s" $tx $inc >&2 || { rm -f "$s.l"; exit 1; }
fi
list=$(cat "$s.l"; echo x); rm -f "$s.l"; list=${list%x}
c=
[ -z "$own$grp" ] || chown -R -h -- "$own${grp:+:$grp}" "$s" || exit
[ -z "$mode" ] || chmod -R -- "$mode" "$s" || exit
# What is there already as it should be is taken away; the rest is moved into place.
cd "$s" || exit
look='%f %u %g'; [ $k != ZipArchive ] || look='%f'
move() {
  find . -mindepth 1 | while IFS= read -r f; do
    if [ -d "$f" ] && [ ! -L "$f" ]; then
      if [ -d "$t/$f" ] && [ "$(stat -L -c "$look" "$f")" = "$(stat -L -c "$look" "$t/$f")" ]; then continue; fi
      [ -d "$t/$f" ] || mkdir -- "$t/$f" || exit
      chmod "$(stat -c %a "$f")" "$t/$f"; chown "$(stat -c %u:%g "$f")" "$t/$f" 2>/dev/null
      echo changed; continue
    fi
    if [ -L "$f" ]; then
      [ ! -L "$t/$f" ] || [ "$(readlink "$f")" != "$(readlink "$t/$f")" ] || continue
    elif [ -f "$f" ] && [ -f "$t/$f" ] && [ ! -L "$t/$f" ]; then
      if [ -n "$newer" ] && [ "$t/$f" -nt "$f" ]; then continue; fi
      ! cmp -s "$f" "$t/$f" || [ "$(stat -c "$look" "$f")" != "$(stat -c "$look" "$t/$f")" ] || continue
    fi
    mv -f -- "$f" "$t/$f" || exit
    echo changed
  done
}
got=$(move) || exit
case $got in *changed*) c=changed ;; *) c=same ;; esac
printf '%s\n%s\n%s' "$c" "$k" "$list"
"#;

pub fn run(unpack: &Unpack) -> Run {
    let words = |list: &[String], flag: &str| -> String {
        list.iter()
            .map(|w| format!(" {}", quote(&format!("{flag}{w}"))))
            .collect()
    };
    let here = |path: &str| place(path).replace("\"$pl_cwd\"/", "./");
    let source = if unpack.bytes.is_some() {
        "d=$(mktemp -d) || exit\ncat >\"$d/a\"\na=$d/a".to_owned()
    } else if unpack.src.contains("://") {
        let url = quote(unpack.src);
        let (k, n) = if unpack.validate_certs {
            ("", "")
        } else {
            (" -k", " --no-check-certificate")
        };
        format!(
            "d=$(mktemp -d) || exit\na=$d/a\nif command -v curl >/dev/null 2>&1; then curl -q -fsSL{k} -o \"$a\" -- {url}\n\
             else wget -q{n} -O \"$a\" -- {url}\nfi || {{ echo 'cannot download '{url} >&2; exit 1; }}"
        )
    } else {
        format!("a={}", here(unpack.src))
    };
    let text = format!(
        "um=$(umask)\nd=\n{source}\nt={dest}; t=${{t%/}}; t=${{t:-/}}\nown={own} grp={grp} mode={mode} newer={newer}\n{BODY}",
        dest = here(unpack.dest),
        own = quote(unpack.owner.unwrap_or_default()),
        grp = quote(unpack.group.unwrap_or_default()),
        mode = quote(unpack.mode.unwrap_or_default()),
        newer = if unpack.keep_newer { "1" } else { "''" },
    );
    // Lists of words are put in as words: a variable would split them anew.
    let exclude = words(unpack.exclude, "");
    let text = text
        .replace(
            " ${exc:+-x $exc}",
            &if exclude.is_empty() {
                String::new()
            } else {
                format!(" -x{exclude}")
            },
        )
        .replace(" $inc", &words(unpack.include, ""))
        .replace(" ${x_zip}", &words(unpack.extra, ""))
        .replace(
            " $tx",
            &format!(
                "{}{}",
                words(unpack.exclude, "--exclude="),
                words(unpack.extra, "")
            ),
        );
    let mut run = Run::new(Exec::Program(Program {
        text,
        name: "unarchive",
    }));
    run.stdin = unpack.bytes.clone().map(Into::into);
    run.judged = true;
    run
}
