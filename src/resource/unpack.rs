//! Unpacking archives: a program that compares first and unpacks only what differs.

use super::Content;
use super::program::{Exec, Program, Run};
use super::script::{place, quote};

/// An archive and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Unpack<'a> {
    pub src: &'a str,
    pub dest: &'a str,
    /// The archive itself, where it is not on the host.
    pub content: Option<Content>,
    pub exclude: &'a [String],
    pub include: &'a [String],
    pub extra: &'a [String],
    pub keep_newer: bool,
    pub owner: Option<&'a str>,
    pub group: Option<&'a str>,
    pub mode: Option<&'a str>,
    /// `chattr`'s letters with what is done with them before.
    pub flags: Option<String>,
    /// SELinux user, role, type and level.
    pub context: [Option<&'a str>; 4],
    /// Write in place what cannot be replaced.
    pub unsafe_writes: bool,
    pub validate_certs: bool,
}

/// What kind of archive `$a` is, and whether `$t` can take it.
const KIND: &str = r#"[ -d "$t" ] || { echo "dest '$t' must be an existing dir" >&2; exit 1; }
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
"#;

/// Puts what is in the archive into the empty directory `$s`, its names into `$s.l`, and goes there.
const TAKE: &str = r#"if [ $k = ZipArchive ]; then
  unzip -qq -o ${x_zip} "$a" $inc ${exc:+-x $exc} -d "$s" >&2 || exit
  unzip -Z1 "$a" >"$s.l" 2>/dev/null || (cd "$s" && find . -mindepth 1 | sed 's/^\.\///') >"$s.l"
else
  $z <"$a" | tar -tf - $tx >"$s.l" || exit 1
  $z <"$a" | tar -xpf - -C "$s" $tx $inc >&2 || exit 1
fi
[ -z "$own$grp" ] || chown -R -h -- "$own${grp:+:$grp}" "$s" || exit
[ -z "$mode" ] || chmod -R -- "$mode" "$s" || exit
cd "$s" || exit
look='%f %u %g'; [ $k != ZipArchive ] || look='%f'
# Whether what is below the archive's name is there already as it should be.
same() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    [ -d "$t/$1" ] && [ "$(stat -L -c "$look" "$1")" = "$(stat -L -c "$look" "$t/$1")" ]
  elif [ -L "$1" ]; then
    [ -L "$t/$1" ] && [ "$(readlink "$1")" = "$(readlink "$t/$1")" ]
  elif [ -f "$1" ] && [ -f "$t/$1" ] && [ ! -L "$t/$1" ]; then
    if [ -n "$newer" ] && [ "$t/$1" -nt "$1" ]; then return 0; fi
    cmp -s "$1" "$t/$1" && [ "$(stat -c "$look" "$1")" = "$(stat -c "$look" "$t/$1")" ]
  else return 1
  fi
}
"#;

/// What differs is moved into place; then everything gets its labels.
const MOVE: &str = r#"[ -z "$flags$label" ] || find . -mindepth 1 >"$s.n"
move() {
  find . -mindepth 1 | while IFS= read -r f; do
    ! same "$f" || continue
    if [ -d "$f" ] && [ ! -L "$f" ]; then
      [ -d "$t/$f" ] || mkdir -- "$t/$f" || exit
      chmod "$(stat -c %a "$f")" "$t/$f"; chown "$(stat -c %u:%g "$f")" "$t/$f" 2>/dev/null
    else
      # A link to a directory would be moved into.
      [ ! -L "$t/$f" ] || rm -f -- "$t/$f"
      if [ -n "$unsafe" ] && [ -f "$f" ] && [ -f "$t/$f" ]; then
        mv -f -- "$f" "$t/$f" 2>/dev/null || cat "$f" >"$t/$f" || exit
      else mv -f -- "$f" "$t/$f" || exit
      fi
    fi
    echo changed
  done
}
labels() {
  [ ! -e "$s.n" ] || while IFS= read -r f; do
    f=$t/$f
    [ ! -L "$f" ] || continue
    [ -z "$label" ] || [ ! -e /sys/fs/selinux/enforce ] || {
      was=$(stat -c %C -- "$f"); eval "chcon $label"' -- "$f"' || exit; [ "$was" = "$(stat -c %C -- "$f")" ] || echo changed; }
    [ -z "$flags" ] || { was=$(lsattr -d -- "$f"); chattr "$flags" -- "$f" || exit; [ "$was" = "$(lsattr -d -- "$f")" ] || echo changed; }
  done <"$s.n"
}
got=$(move) || exit
more=$(labels) || exit
case $got$more in *changed*) c=changed ;; *) c=same ;; esac
tell "$c"
"#;

/// What is told in the end: whether anything differed, the kind, the directory, the names.
const TELL: &str = r#"tell() {
  l=$(cat "$s.l")
  cd /; rm -rf -- "$s" "$s.l" "$s.n"
  printf '%s\n%s\n%s\n%s\n' "$1" "$k" "$(stat -L -c '%s %u %g %a %U %G' -- "$t")" "$l"
}
"#;

/// Only looks. GNU's tar says itself what differs, where nothing is laid over what the archive says;
/// else what comes out is compared in a directory for temporary files.
const LOOK: &str = r#"if [ $k != ZipArchive ] && [ -z "$own$grp$mode$newer$more" ] && case $(tar --version 2>/dev/null) in *GNU*) ;; *) false ;; esac; then
  fine=': (Mod time differs|Not linked to .*)$|^(tar: )?\.?/?: |^tar: (Removing leading|A lone zero)'
  [ "$(id -u)" = 0 ] || fine="$fine|: [UG]id differs\$"
  if $z <"$a" | tar -df - -C "$t" $tx $inc 2>&1 | grep -Eqv "$fine"; then echo differs; else echo same; fi
  echo $k; $z <"$a" | tar -tf - $tx; exit
fi
"#;

/// The comparison of what came out, up to the first difference.
const COMPARE: &str = r#"c=$(find . -mindepth 1 | while IFS= read -r f; do same "$f" || { echo differs; break; }; done)
printf '%s\n%s\n' "${c:-same}" "$k"; cat "$s.l"
"#;

/// The text that tells whether an archive of the host's is unpacked: `same` or `differs`, the kind, the
/// names. Anything else says that it cannot be told.
pub(super) fn look(request: &super::archive::Request) -> String {
    let word = |text: &Option<String>| quote(text.as_deref().unwrap_or_default());
    let text = format!(
        "a={a} t={t}; t=${{t%/}}; t=${{t:-/}}\nown={own} grp={grp} mode={mode} newer={newer} more={more}\n\
         s=$(mktemp -d -p /var/tmp .palisade.XXXXXX || mktemp -d) || exit\n\
         (\n{KIND}{LOOK}{TAKE}{COMPARE})\nrm -rf -- \"$s\" \"$s.l\"",
        a = super::script::path_word(&request.src),
        t = super::script::path_word(&request.dest),
        own = word(&request.owner),
        grp = word(&request.group),
        mode = word(&request.mode),
        newer = if request.keep_newer { "1" } else { "''" },
        more = if request.extra_opts.is_empty() {
            "''"
        } else {
            "1"
        },
    );
    fill(
        &text,
        &request.exclude,
        &request.include,
        &request.extra_opts,
    )
}

/// Lists of words are put in as words: a variable would split them anew.
fn fill(text: &str, exclude: &[String], include: &[String], extra: &[String]) -> String {
    let words = |list: &[String], flag: &str| -> String {
        let word = |w: &String| format!(" {}", quote(&format!("{flag}{w}")));
        list.iter().map(word).collect()
    };
    let left_out = match words(exclude, "") {
        none if none.is_empty() => none,
        some => format!(" -x{some}"),
    };
    let tar = format!("{}{}", words(exclude, "--exclude="), words(extra, ""));
    text.replace(" ${exc:+-x $exc}", &left_out)
        .replace(" $inc", &words(include, ""))
        .replace(" ${x_zip}", &words(extra, ""))
        .replace(" $tx", &tar)
}

pub fn run(unpack: &Unpack) -> Run {
    let here = |path: &str| place(path).replace("\"$pl_cwd\"/", "./");
    let source = if unpack.content.is_some() {
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
    let context = ["-u", "-r", "-t", "-l"].iter().zip(unpack.context);
    let label = context.filter_map(|(flag, word)| Some(format!("{flag} {}", quote(word?))));
    let label = label.collect::<Vec<_>>().join(" ");
    let head = format!(
        "um=$(umask)\nd= s=\ntrap 'rm -rf -- ${{s:+\"$s\" \"$s.l\" \"$s.n\"}} ${{d:+\"$d\"}}' EXIT\n\
         {source}\nt={dest}; t=${{t%/}}; t=${{t:-/}}\nown={own} grp={grp} mode={mode} newer={newer} \
         flags={flags} label={label} unsafe={unsafe}\n{TELL}",
        dest = here(unpack.dest),
        own = quote(unpack.owner.unwrap_or_default()),
        grp = quote(unpack.group.unwrap_or_default()),
        mode = quote(unpack.mode.unwrap_or_default()),
        newer = if unpack.keep_newer { "1" } else { "''" },
        flags = quote(unpack.flags.as_deref().unwrap_or_default()),
        label = quote(&label),
        unsafe = if unpack.unsafe_writes { "1" } else { "''" },
    );
    let program = |rest: &str| {
        let text = format!("{head}{rest}");
        let text = fill(&text, unpack.exclude, unpack.include, unpack.extra);
        let name = "unarchive";
        let mut run = Run::new(Exec::Program(Program { text, name }));
        run.payload = unpack.content.clone();
        run.judged = true;
        run
    };
    let mut looking = program(&format!("{REHEARSE}{KIND}{STAGE}{TAKE}{COMPARE_ALL}"));
    looking.read_only = true;
    let mut run = program(&format!(
        "{KIND}s=$(mktemp -d \"$t/.palisade.XXXXXX\") || exit\n{TAKE}{MOVE}"
    ));
    run.rehearsal = Some(Box::new(looking));
    run
}

/// A directory that is still to be made holds nothing.
const REHEARSE: &str =
    "[ -e \"$t\" ] || { d=${d:-$(mktemp -d)} && mkdir \"$d/t\" && t=$d/t || exit; }\n";

const STAGE: &str = "s=$(mktemp -d -p /var/tmp .palisade.XXXXXX || mktemp -d) || exit\n";

/// As [`COMPARE`], in the words of the program that unpacks.
const COMPARE_ALL: &str = r#"c=$(find . -mindepth 1 | while IFS= read -r f; do same "$f" || { echo changed; break; }; done)
tell "${c:-same}"
"#;
