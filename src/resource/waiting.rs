//! Waiting on the host for a port, a path or a text: a program that looks again and again.

use super::program::{Exec, Program, Run};
use super::script::quote;

/// What is waited for.
#[derive(Clone, Debug, Default)]
pub struct Waiting<'a> {
    pub host: &'a str,
    pub port: Option<u64>,
    pub path: Option<&'a str>,
    /// An extended regular expression; what a port says or a file holds must match it.
    pub search: Option<&'a str>,
    /// Whether the pattern finds small letters for large ones.
    pub caseless: bool,
    /// `present`, `absent` or `drained`.
    pub state: &'static str,
    pub delay: u64,
    pub sleep: u64,
    pub timeout: u64,
    pub connect_timeout: u64,
    /// Connection states that count, as /proc/net/tcp numbers them.
    pub states: Vec<&'static str>,
    /// Peers that do not count, by address.
    pub exclude: Vec<&'a str>,
}

/// How to try a port with what is there. 0 is open, 1 is closed, 2 is that nobody can say.
const TRY: &str = r#"has() { command -v "$1" >/dev/null 2>&1; }
limit() { if has timeout; then timeout "$@"; else shift; "$@"; fi; }
if has bash && bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>&1 | grep -qi refused; then
  open() { limit "$ct" bash -c 'exec 3<>"/dev/tcp/$1/$2"' sh "$h" "$p" 2>/dev/null; }
  said() { limit "$ct" bash -c 'exec 3<>"/dev/tcp/$1/$2" && cat <&3' sh "$h" "$p" 2>/dev/null; }
elif has nc; then
  open() { limit "$ct" nc -z -w "$ct" "$h" "$p" </dev/null >/dev/null 2>&1 || limit "$ct" nc -w "$ct" "$h" "$p" </dev/null >/dev/null 2>&1; }
  said() { sleep "$ct" | limit "$ct" nc -w "$ct" "$h" "$p" 2>/dev/null; }
elif has busybox && busybox nc --help >/dev/null 2>&1; then
  open() { limit "$ct" busybox nc -w "$ct" "$h" "$p" </dev/null >/dev/null 2>&1; }
  said() { sleep "$ct" | limit "$ct" busybox nc -w "$ct" "$h" "$p" 2>/dev/null; }
elif has curl; then
  open() { curl -s --connect-timeout "$ct" --max-time "$ct" "telnet://$h:$p" </dev/null >/dev/null 2>&1; case $? in 0|28|48|49|52|56) ;; *) false ;; esac; }
  said() { sleep "$ct" | curl -s --max-time "$ct" "telnet://$h:$p" 2>/dev/null; }
else echo 'no bash, nc, busybox or curl on this host to try a port with' >&2; exit 3
fi
# Whether what the port says has the pattern in it: as soon as it was said, not when all was.
says() {
  w=$(mktemp) || exit 3
  said >"$w" &
  j=$!
  while :; do
    kill -0 $j 2>/dev/null; r=$?
    if x=$(find1 <"$w"); then r=0; break; fi
    [ $r = 0 ] || break
    sleep 0.1 2>/dev/null || sleep 1
  done
  kill $j 2>/dev/null
  rm -f -- "$w"
  return $r
}
# Connections of the port that count, out of the kernel's tables.
busy() {
  hex=$(printf %04X "$p")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | {
    n=0
    while read -r _ l r s _; do
      case $l in *:"$hex") ;; *) continue ;; esac
      case " $st " in *" $s "*) ;; *) continue ;; esac
      case " $ex " in *" ${r%:*} "*) continue ;; esac
      n=$((n+1))
    done
    [ $n != 0 ]
  }
}
"#;

/// A program that ends with 0 when it has come to pass and with 1 when the time is over. It prints
/// the seconds it took, what the path is, and the line that the pattern found.
pub fn run(wait: &Waiting) -> Run {
    let mut text = format!(
        "h={} p={} f={} re={} ct={} st={} ex={}\n",
        quote(wait.host),
        wait.port
            .map(|p| p.to_string())
            .unwrap_or_else(|| "''".into()),
        quote(wait.path.unwrap_or_default()),
        quote(wait.search.unwrap_or_default()),
        wait.connect_timeout.max(1),
        quote(&wait.states.join(" ")),
        quote(
            &wait
                .exclude
                .iter()
                .map(|a| kernel_address(a))
                .collect::<Vec<_>>()
                .join(" ")
        ),
    );
    if wait.port.is_some() {
        text.push_str(TRY);
    }
    let searching = wait.search.is_some_and(|s| !s.is_empty());
    let there = match (wait.port.is_some(), wait.path.is_some()) {
        (true, _) if wait.state == "drained" => "! busy",
        (true, _) if searching && wait.state == "present" => "says",
        (true, _) => "open",
        (_, true) if searching && wait.state == "present" => "x=$(find1 <\"$f\" 2>/dev/null)",
        (_, true) => "[ -e \"$f\" ]",
        _ => "false",
    };
    let absent = if wait.state == "absent" { "! " } else { "" };
    let caseless = if wait.caseless { " -i" } else { "" };
    text.push_str(&format!(
        "x=\nfind1() {{ grep -a -m 1{caseless} -E -e \"$re\"; }}\n\
         tell() {{ up; echo $((u-t0)); [ -z \"$f\" ] || stat -L -c '%s %u %g %a %U %G %f' -- \"$f\" 2>/dev/null || echo; printf '%s\\n' \"$x\"; }}\n\
         up() {{ if [ -r /proc/uptime ]; then read -r u _ </proc/uptime; u=${{u%%.*}}; else u=$(date +%s); fi; }}\n\
         sleep {}\nup; t0=$u\n\
         check() {{ {absent}{{ {there}; }}; }}\n\
         while :; do\nif check; then tell; exit 0; fi\n\
         up; [ $((u-t0)) -lt {} ] || {{ echo $((u-t0)); exit 1; }}\nsleep {}\ndone\n",
        wait.delay, wait.timeout, wait.sleep.max(1),
    ));
    let mut run = Run::new(Exec::Program(Program {
        text,
        name: "wait_for",
    }));
    run.changes = false;
    run
}

/// An IPv4 address as /proc/net/tcp writes it.
fn kernel_address(address: &str) -> String {
    let parts: Option<Vec<u8>> = address.split('.').map(|p| p.parse().ok()).collect();
    match parts.as_deref() {
        Some([a, b, c, d]) => format!("{d:02X}{c:02X}{b:02X}{a:02X}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::kernel_address;

    #[test]
    fn addresses_are_written_backwards() {
        assert_eq!(kernel_address("127.0.0.1"), "0100007F");
    }
}
