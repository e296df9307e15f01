//! Fetching over HTTP on the host: with `curl`, or `wget` where that is what there is.
//!
//! Headers and passwords reach the tool through a private file made of the program's standard input,
//! so that they stand on no command line. Programs answer with lines of `key=value`.

use super::program::{Exec, Program, Run};
use super::script::{place, quote};

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    pub url: &'a str,
    pub method: &'a str,
    pub headers: Vec<(String, String)>,
    pub user: Option<(&'a str, &'a str)>,
    pub body: Option<Vec<u8>>,
    pub timeout: u64,
    pub validate_certs: bool,
    /// `-L` follows every redirection, `safe` only those of GET and HEAD, `none` not one.
    pub follow: bool,
    /// Whether `~/.netrc` is asked for a user, where none is given.
    pub netrc: bool,
    /// Further settings of curl's: `cacert`, `cert`, `key`, `unix-socket`, `ciphers`.
    pub more: Vec<(&'static str, &'a str)>,
}

/// Where a file goes and what it must be.
#[derive(Clone, Debug, Default)]
pub struct Landing<'a> {
    pub dest: &'a str,
    /// The file's name, where `dest` is a directory.
    pub name: &'a str,
    /// Algorithm and digest, or the address of a list of digests.
    pub checksum: Option<(&'a str, &'a str)>,
    pub force: bool,
    pub backup: bool,
    pub mode: Option<String>,
    pub owner: Option<&'a str>,
    pub group: Option<&'a str>,
}

/// The length of the configuration on standard input comes first, then a body.
const OPEN: &str = r#"um=$(umask); umask 077
d=$(mktemp -d) || exit
trap 'rm -rf -- "$d"' EXIT
has() { command -v "$1" >/dev/null 2>&1; }
read -r n
dd bs=1 count="$n" of="$d/c" 2>/dev/null
cat >"$d/b"
say() { printf '%s=%s\n' "$1" "$2"; }
fetch() { # URL FILE [curl's arguments]
  u=$1 o=$2; shift 2
  if has curl; then
    code=$(curl -q -K "$d/c" -sS -o "$o" -D "$d/h" -w '%{http_code} %{url_effective}' "$@" -- "$u" 2>"$d/e")
    rc=$?; eff=${code#* } code=${code%% *}
  elif has wget; then
    # Headers and passwords would stand on its command line, and the rest it does not know.
    x=$(sed -n '/^max-time /d;/^user-agent /d;/^location/d;/^netrc-optional/d;/^insecure/d;s/ .*//;p;q' "$d/c")
    [ -z "$x" ] || { echo "this host has no curl, and wget is not given \`$x\`" >&2; exit 1; }
    set -- -T "$(sed -n 's/^max-time = //p' "$d/c")" -U "$(sed -n 's/^user-agent = "\(.*\)"$/\1/p' "$d/c")"
    ! grep -q '^insecure' "$d/c" || set -- "$@" --no-check-certificate
    wget -q "$@" -O "$o" -- "$u" 2>"$d/e"; rc=$?; code=200 eff=$u
  else echo 'this host has neither curl nor wget' >&2; exit 127
  fi
}
"#;

/// Gives `$t` its owner and mode; `$c` says whether that changed anything.
const ATTRS: &str = r#"attrs() {
  c=
  [ -z "$own$grp" ] || { was=$(stat -c %u:%g -- "$t"); chown -h -- "$own${grp:+:$grp}" "$t" || exit; [ "$was" = "$(stat -c %u:%g -- "$t")" ] || c=1; }
  [ -z "$mode" ] || { was=$(stat -c %a -- "$t"); (umask "$um"; chmod -- "$mode" "$t") || exit; [ "$was" = "$(stat -c %a -- "$t")" ] || c=1; }
}
"#;

fn config(request: &Request) -> String {
    let text = |s: &str| {
        let s = s.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "\"{}\"",
            s.replace('\n', "\\n")
                .replace('\r', "\\r")
                .replace('\t', "\\t")
        )
    };
    let mut out = format!("max-time = {}\n", request.timeout.max(1));
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key} = {}\n", text(value)));
    for (name, value) in &request.headers {
        line("header", &format!("{name}: {value}"));
    }
    if let Some((user, password)) = request.user {
        line("user", &format!("{user}:{password}"));
    }
    for (key, value) in &request.more {
        line(key, value);
    }
    match request.method {
        "GET" | "" => {}
        "HEAD" => out.push_str("head\n"),
        method => line("request", method),
    }
    if request.follow {
        out.push_str("location\n");
    }
    if request.netrc && request.user.is_none() {
        out.push_str("netrc-optional\n");
    }
    if !request.validate_certs {
        out.push_str("insecure\n");
    }
    out
}

fn program(request: &Request, text: String, name: &'static str) -> Run {
    let config = config(request);
    let mut stdin = format!("{}\n{config}", config.len()).into_bytes();
    stdin.extend(request.body.iter().flatten());
    let mut run = Run::new(Exec::Program(Program { text, name }));
    run.stdin = Some(stdin.into());
    run.judged = true;
    run
}

/// Puts what is at an address into a file, unless that is what is in it already.
pub fn get_url(request: &Request, landing: &Landing) -> Run {
    let word = |text: Option<&str>| quote(text.unwrap_or_default());
    let (algorithm, digest) = landing.checksum.unwrap_or_default();
    let text = format!(
        "{OPEN}t={dest} u0={url} alg={alg} sum={sum} force={force} backup={backup} mode={mode} own={own} grp={grp}\n\
         [ ! -d \"$t\" ] || t=${{t%/}}/{name}\nsay dest \"$t\"\n{ATTRS}{BODY}",
        dest = place(landing.dest).replace("\"$pl_cwd\"/", "./"),
        url = quote(request.url),
        alg = quote(algorithm),
        sum = quote(digest),
        force = if landing.force { "1" } else { "''" },
        backup = if landing.backup { "1" } else { "''" },
        mode = word(landing.mode.as_deref()),
        own = word(landing.owner),
        grp = word(landing.group),
        name = quote(landing.name),
    );
    program(request, text, "get_url")
}

const BODY: &str = r#"case $sum in
  *://*) fetch "$sum" "$d/s"; [ $rc = 0 ] || { cat "$d/e" >&2; exit 1; }
    b=${u0%%\?*}; b=${b##*/}
    sum=$(sed -n "s/^\([0-9A-Fa-f]*\)[ 	]*[*]\{0,1\}\(\.\/\)\{0,1\}$(printf %s "$b" | sed 's/[.[*^$\/]/\\&/g')\$/\1/p" "$d/s" | head -n 1)
    [ -n "$sum" ] || { set -- $(cat "$d/s"); [ $# != 1 ] || sum=$1; }
    [ -n "$sum" ] || { echo "Unable to find a checksum for file '$b' in '$u0'" >&2; exit 1; } ;;
esac
sum=$(printf %s "$sum" | tr A-F a-f)
digest() { x=$("${alg}sum" <"$1") || exit; printf %s "${x%% *}"; }
sha1() { x=$(sha1sum <"$1"); printf %s "${x%% *}"; }
finish() {
  say size "$(stat -c %s -- "$t")"; say uid "$(stat -c %u -- "$t")"; say gid "$(stat -c %g -- "$t")"
  say owner "$(stat -c %U -- "$t")"; say group "$(stat -c %G -- "$t")"; say mode "0$(stat -c %a -- "$t")"
  say checksum_dest "$(sha1 "$t")"
  exit 0
}
since=
if [ -f "$t" ] && [ -z "$force" ]; then
  if [ -n "$sum" ]; then
    if [ "$(digest "$t")" = "$sum" ]; then attrs; say changed "$c"; say msg 'file already exists'; finish; fi
  else since=1
  fi
fi
if [ -n "$since" ] && has curl; then fetch "$u0" "$d/f" -z "$t"; else fetch "$u0" "$d/f"; fi
say status_code "$code"
case $code in
  304) attrs; say changed "$c"; say msg 'HTTP Error 304: Not Modified'; finish ;;
esac
[ $rc = 0 ] || { say msg 'Request failed'; cat "$d/e" >&2; exit 1; }
case $code in 2*|000) ;; *) say msg "Request failed: HTTP Error $code"; exit 1 ;; esac
[ -e "$d/f" ] || { [ -z "$since" ] || { attrs; say changed "$c"; say msg 'HTTP Error 304: Not Modified'; finish; }; : >"$d/f"; }
[ -z "$sum" ] || [ "$(digest "$d/f")" = "$sum" ] || {
  echo "The checksum for $t did not match $sum; it was $(digest "$d/f")." >&2; exit 1; }
say checksum_src "$(sha1 "$d/f")"
if [ -f "$t" ] && cmp -s "$d/f" "$t"; then attrs; say changed "$c"; say msg OK; finish; fi
p=${t%/*}; [ "$p" != "$t" ] || p=.
[ -d "${p:-/}" ] || { echo "Destination $p does not exist" >&2; exit 1; }
n=$p/.palisade.$$; trap 'rm -rf -- "$d"; rm -f -- "$n"' EXIT
if [ -f "$t" ]; then
  if [ -n "$backup" ]; then x=$(sha256sum <"$t"); b=$t.$(printf %.8s "$x")~; cp -p -- "$t" "$b" || exit; say backup_file "$b"; fi
  cp -p -- "$t" "$n" && cat "$d/f" >"$n" || exit
else cat "$d/f" >"$n" && (umask "$um"; chmod =rw "$n") || exit
fi
mv -f -- "$n" "$t" || exit
attrs
say changed 1; say msg "OK ($(stat -c %s -- "$t") bytes)"
finish
"#;

/// Asks an address, and answers with status, headers and body, each with its length before it.
pub fn uri(request: &Request, landing: &Landing) -> Run {
    let body = if request.body.is_some() {
        " --data-binary \"@$d/b\""
    } else {
        ""
    };
    let text = format!(
        "{OPEN}{ATTRS}t={} own={} grp={} mode={}\nfetch {} \"$d/f\"{body}\n\
         [ -e \"$d/f\" ] || : >\"$d/f\"; [ -e \"$d/h\" ] || : >\"$d/h\"\n\
         changed=\nif [ -n \"$t\" ] && [ $rc = 0 ]; then\n\
         [ ! -d \"$t\" ] || {{ b=${{u%%\\?*}}; b=${{b##*/}}; t=${{t%/}}/${{b:-index.html}}; }}\n\
         cmp -s \"$d/f\" \"$t\" || {{ (umask \"$um\"; cat \"$d/f\" >\"$t\") || exit; changed=1; }}\n\
         attrs; changed=${{changed:-$c}}\nfi\n\
         for i in \"$code\" \"$eff\" \"$rc\" \"$changed\" \"$t\"; do printf '%s\\n' \"$i\"; done\n\
         h=$(cat \"$d/h\"; cat \"$d/e\" | sed 's/^/!/'; echo x); h=${{h%x}}\n\
         LC_ALL=C; printf '%s\\n%s' \"${{#h}}\" \"$h\"\ncat \"$d/f\"\n",
        match landing.dest {
            "" => "''".to_owned(),
            dest => place(dest).replace("\"$pl_cwd\"/", "./"),
        },
        quote(landing.owner.unwrap_or_default()),
        quote(landing.group.unwrap_or_default()),
        quote(landing.mode.as_deref().unwrap_or_default()),
        quote(request.url),
    );
    program(request, text, "uri")
}
